/** The words that names of this package must not use, each with the word that it uses instead. */

import { basename } from 'node:path'
import { type SourceFile, withoutQuotedCode } from './sources.ts'

const banned: Readonly<Record<string, string>> = {
  workflow: 'saga',
  run: 'saga or attempt',
  instance: 'saga',
  template: 'definition',
  handler: 'action or compensation',
  task: 'step',
  stage: 'step',
  util: 'what it is for',
  utils: 'what it is for',
  utility: 'what it is for',
  helper: 'what it is for',
  common: 'what it is for',
  manager: 'what it does',
}

/** What may stand before `run` without making it a noun, as in `canRun`. */
const modals = new Set(['can', 'may', 'must', 'should', 'to', 'will'])

/** The names that a file declares or re-exports for others. */
export function exportedNames(text: string): readonly string[] {
  const code = withoutQuotedCode(text)
  const declarations =
    /\bexport\s+(?:default\s+|declare\s+|abstract\s+|async\s+)*(?:const\s+enum|const|let|var|function\s*\*?|class|interface|type|enum|namespace)\s+([A-Za-z_$][\w$]*)/g
  const lists = /\bexport\s+(?:type\s+)?\{([^}]*)\}/g
  const declared = [...code.matchAll(declarations)].map((match) => match[1] ?? '')
  const listed = [...code.matchAll(lists)].flatMap((match) =>
    (match[1] ?? '')
      .split(',')
      .map((entry) =>
        entry
          .trim()
          .split(/\s+as\s+|\s+/)
          .at(-1),
      )
      .filter((name): name is string => Boolean(name)),
  )
  return [...declared, ...listed]
}

/** The first banned word in a name of any spelling (`sagaRun`, `saga-run`, `SAGA_RUN`), or `undefined`. */
export function bannedWordIn(name: string): string | undefined {
  const words = name
    .replace(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$3 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter(Boolean)
  const isVerb = (index: number) =>
    words[index] === 'run' &&
    (index === 0 ? words.length > 1 && words[1] !== 'id' && words[1] !== 'status' : modals.has(words[index - 1] ?? ''))
  return words.map((word) => singular(word)).find((word, index) => word in banned && !isVerb(index))
}

function singular(word: string): string {
  if (word in banned) return word
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  return word.endsWith('s') ? word.slice(0, -1) : word
}

/** One sentence for each name with a banned word: exported names, file names, folder names. */
export function wordViolations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const folders = path.split('/').slice(1, -1)
    const names = [...folders, basename(path, '.ts'), ...exportedNames(text)]
    return names.flatMap((name) => {
      const word = bannedWordIn(name)
      return word === undefined ? [] : [`${path}: ${name} says "${word}"; the word is ${banned[word]}.`]
    })
  })
}
