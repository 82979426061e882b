/** Which file of the package may import what, as one table, and the scanner that holds the files to it. */

import { posix } from 'node:path'
import { type SourceFile, withoutQuotedCode } from './sources.ts'

const rooms = {
  core: /^src\/engine\/core\//,
  store: /^src\/engine\/store\//,
  runtime: /^src\/engine\/runtime\//,
  words: /^src\/engine\/(errors|duration|payload|definition|contract|starting|keeping|recovering|jsonified)\.ts$/,
  engine: /^src\/engine\/[^/]+\.ts$/,
  jobs: /^src\/jobs\//,
  dashboard: /^src\/dashboard\//,
  testing: /^src\/testing\//,
  cli: /^src\/cli\//,
  prometheus: /^src\/prometheus\//,
  compose: /^src\/compose\//,
  doctor: /^src\/doctor\//,
  index: /^src\/index\.ts$/,
} as const

export type Room = keyof typeof rooms

/** What all rooms but core speak of lies in src/engine, yet imports none of them: errors, durations, payloads, definitions. */
const inner = ['core', 'store', 'runtime', 'words', 'engine'] as const

/** From a room to those it may import besides itself. */
const arrows: Readonly<Record<Room, readonly Room[]>> = {
  core: [],
  words: ['core'],
  store: ['core', 'words'],
  runtime: ['core', 'words', 'store'],
  engine: inner,
  jobs: inner,
  dashboard: inner,
  testing: inner,
  // What happens to a worker is what it counts.
  prometheus: [...inner, 'jobs'],
  compose: [...inner, 'jobs'],
  doctor: [...inner, 'jobs', 'compose'],
  index: [...inner, 'jobs', 'compose', 'doctor'],
  cli: [...inner, 'jobs', 'dashboard', 'compose', 'doctor', 'index'],
}

/** Who may import a package; a package that is not listed may be imported by nobody. */
const packages: readonly { readonly name: RegExp; readonly importers: RegExp }[] = [
  { name: /^node:/, importers: /^src\/(?!engine\/core\/)/ },
  { name: /^drizzle-orm(\/|$)/, importers: /^src\/(engine\/store\/|compose\/|index\.ts$)/ },
  { name: /^pg(\/|$)/, importers: /^src\/(engine\/store\/|jobs\/(connection|pools|sessions)\.ts$)/ },
  { name: /^pg-boss(\/|$)/, importers: /^src\/(jobs\/|compose\/|index\.ts$)/ },
  { name: /^commander(\/|$)/, importers: /^src\/cli\// },
  { name: /^(hono|@hono\/node-server|htmx\.org)(\/|$)/, importers: /^src\/dashboard\// },
  { name: /^@opentelemetry\/api$/, importers: /^src\/engine\/runtime\/tracing\.ts$/ },
  { name: /^prom-client$/, importers: /^src\/prometheus\// },
  { name: /^zod(\/|$)/, importers: /^src\/(?!engine\/core\/)/ },
]

/** The room a path lies in; `undefined` for a file that no room was made for. */
export function roomOf(path: string): Room | undefined {
  return (Object.keys(rooms) as Room[]).find((room) => rooms[room].test(path))
}

/** All that a file imports or re-exports, types included, in the order of appearance. */
export function importsOf(text: string): readonly string[] {
  const code = withoutQuotedCode(text)
  const forms = [
    /\b(?:import|export)\s+(?:type\s+)?(?:[\w$*{][\w\s$*{},]*?)\s*from\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require|require\.resolve|import\.meta\.resolve)\s*\(\s*['"`]([^'"`]+)['"`]/g,
  ]
  const found = forms.flatMap((form) => [...code.matchAll(form)])
  return found.sort((a, b) => a.index - b.index).map((match) => match[1] ?? '')
}

/** One sentence for each import that goes against the arrows, and for each file outside the rooms. */
export function violations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) => {
    const room = roomOf(file.path)
    if (room === undefined) return [`${file.path} lies in no room.`]
    return importsOf(file.text)
      .filter((specifier) => !isAllowed(file.path, room, specifier))
      .map((specifier) => `${file.path} must not import ${specifier}.`)
  })
}

function isAllowed(path: string, room: Room, specifier: string): boolean {
  if (!specifier.startsWith('.')) {
    return packages.some(({ name, importers }) => name.test(specifier) && importers.test(path))
  }
  const target = posix.join(posix.dirname(path), specifier)
  // package.json is how a program knows its own version.
  if (target === 'package.json') return room !== 'core'
  const targetRoom = roomOf(target)
  return targetRoom !== undefined && (targetRoom === room || arrows[room].includes(targetRoom))
}
