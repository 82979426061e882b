/** The help texts: every command has one, with examples, and every example does what it says. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { programFor } from '../../src/cli/program.ts'
import { createSagaClient, type SagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { order } from './fixtures/pg-saga.config.ts'
import { PLACES } from './sagas.ts'
import { call, FIXTURES } from './terminal.ts'

/** They stay until they are told to end: see serving.test.ts. */
const STAY = ['dev', 'worker', 'dashboard']

type Example = { readonly command: string; readonly line: string }

let database: TestDatabase
let client: SagaClient & { close(): Promise<void> }
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
  // In the repository, so that the config file's imports lead somewhere.
  folder = mkdtempSync(join(FIXTURES, '..', '.help-'))
  cpSync(join(FIXTURES, 'pg-saga.config.ts'), join(folder, 'pg-saga.config.ts'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await client.close()
  await database.drop()
})

function commandsOf(command: Command): readonly Command[] {
  return command.commands.flatMap((inner) => (inner.commands.length > 0 ? commandsOf(inner) : [inner]))
}

function pathOf(command: Command): string {
  return command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), writeErr: () => {} })
  command.outputHelp()
  return text
}

const io = { out: () => {}, err: () => {}, isTerminal: false, width: 100, env: {}, cwd: FIXTURES }
const program = programFor({ ...io, signal: new AbortController().signal, ask: async () => undefined }, { exitCode: 0 })
const commands = commandsOf(program).map((command) => ({ path: pathOf(command), help: helpOf(command) }))
const examples: readonly Example[] = commands.flatMap(({ path, help }) =>
  [...help.matchAll(/^ {2}\$ pg-saga (.+)$/gm)].map((match) => ({ command: path, line: match[1] ?? '' })),
)

/** As a shell splits them: quotes, and names with a dollar. */
async function words(line: string): Promise<readonly string[]> {
  const all = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
  return Promise.all(
    all.map(async (word) => {
      if (!word.startsWith('$')) return word
      const place = PLACES[word.slice(1)]
      if (place === undefined) throw new Error(`An example has ${word}, and nobody knows what that is.`)
      return place(client)
    }),
  )
}

describe('the help of', () => {
  test.each(commands)('$path says what it does, and has an example of it', ({ path, help }) => {
    expect(help).toContain(`Usage: pg-saga ${path}`)
    expect(help).toMatch(new RegExp(`\\$ pg-saga ${path}\\b`))
  })
})

describe('an example of', () => {
  test.each(examples.filter(({ command }) => !STAY.includes(command)))('$command works: $line', async ({ line }) => {
    await startEngine(database.connectionString, [order], { build: 'a1b2c3' })
    const args = await words(line)
    const { code, err } = await call(database.connectionString, args, { cwd: folder })
    for (const { id } of await client.operator.holds())
      await client.operator.release(id, { actor: 'ada', reason: 'test' })
    expect(err).toBe('')
    // The doctor and the check say what they have found.
    expect([0, ...(line.startsWith('doctor') ? [1] : [])]).toContain(code)
  })
})
