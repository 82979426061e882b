/** `npm run cli:table`: writes the table of commands in docs/cli.md from the program itself. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { programFor } from '../src/cli/program.ts'

const PAGE = join(import.meta.dirname, '..', 'docs', 'cli.md')
const BETWEEN = /(<!-- commands -->\n)[\s\S]*?(<!-- \/commands -->)/

export function commandTable(): string {
  const io = {
    out: () => {},
    err: () => {},
    isTerminal: false,
    width: 100,
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
    ask: async () => undefined,
  }
  const rows = commandsOf(programFor(io, { exitCode: 0 }), '')
  return ['| command | |', '|---|---|', ...rows.map(([name, about]) => `| \`${name}\` | ${about} |`), ''].join('\n')
}

function commandsOf(command: Command, before: string): readonly (readonly [name: string, about: string])[] {
  return command.commands.flatMap((inner) => {
    const name = `${before}${inner.name()}`
    if (inner.commands.length > 0) return commandsOf(inner, `${name} `)
    const takes = inner.registeredArguments.map((argument) =>
      argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
    )
    return [[[name, ...takes].join(' '), inner.description()] as const]
  })
}

if (import.meta.main) {
  const page = readFileSync(PAGE, 'utf8')
  writeFileSync(PAGE, page.replace(BETWEEN, `$1${commandTable()}$2`))
}
