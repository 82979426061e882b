/** `pg-saga check`: what a deploy would do to sagas in flight, seen before it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { call, FIXTURES } from './terminal.ts'

let database: TestDatabase
let folder: string

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(() => {
  folder = mkdtempSync(join(FIXTURES, '..', '.check-'))
  return () => rmSync(folder, { recursive: true, force: true })
})
afterAll(async () => {
  await database.drop()
})

let files = 0
/** Each under a name of its own: a module is loaded once. */
function config(steps: string, version = 1): string {
  files += 1
  const name = `config-${files}.ts`
  writeFileSync(
    join(folder, name),
    `import { z } from 'zod'
import { sagasFor } from '../../../src/index.ts'
const order = sagasFor<{ services: unknown; tx: unknown }>()('order', { version: ${version}, input: z.object({}) })${steps}
export default { definitions: [order] }
`,
  )
  return name
}
const check = (name: string, ...args: string[]) =>
  call(database.connectionString, ['--config', name, 'check', ...args], { cwd: folder })
const BEFORE = `.step('charge', { action: () => 1, compensation: () => {} })`
const RENAMED = `.step('charge-card', { formerly: ['charge'], action: () => 1, compensation: () => {} })`
const OTHER = `.step('debit', { action: () => 1, compensation: () => {} })`

describe('without a database, check', () => {
  test('asks for a lock file where there is none, and writes it', async () => {
    const name = config(BEFORE)
    expect(await check(name)).toMatchObject({ code: 2, err: expect.stringContaining('pg-saga check --write') })
    expect((await check(name, '--write')).code).toBe(0)
    expect(JSON.parse(readFileSync(join(folder, 'sagas.lock.json'), 'utf8'))).toMatchObject({
      format: 1,
      definitions: { 'order@1': { definition: 'order', version: 1, nodes: [{ name: 'charge' }] } },
    })
    expect(await check(name)).toMatchObject({ code: 0, rows: [{ changes: [], isWritten: false, leftBehind: [] }] })
  })

  test('fails for a shape that has changed under its version, naming what', async () => {
    await check(config(BEFORE), '--write')
    const { code, rows } = await check(config(OTHER))
    expect(code).toBe(5)
    expect(rows).toMatchObject([
      {
        changes: [
          {
            definition: 'order',
            version: 1,
            change: 'changed',
            isRename: false,
            differences: [expect.stringContaining('debit')],
          },
        ],
      },
    ])
  })

  test('does not write it down either, unless told that nothing of it is in flight', async () => {
    await check(config(BEFORE), '--write')
    const before = readFileSync(join(folder, 'sagas.lock.json'), 'utf8')
    expect(await check(config(OTHER), '--write')).toMatchObject({ code: 5, rows: [{ isWritten: false }] })
    expect(readFileSync(join(folder, 'sagas.lock.json'), 'utf8')).toBe(before)
    expect(await check(config(OTHER), '--write', '--force')).toMatchObject({ code: 0, rows: [{ isWritten: true }] })
    expect(readFileSync(join(folder, 'sagas.lock.json'), 'utf8')).toContain('debit')
  })

  test('tells a declared rename from another step', async () => {
    await check(config(BEFORE), '--write')
    const { code, rows } = await check(config(RENAMED))
    expect(code).toBe(5)
    expect(rows).toMatchObject([{ changes: [{ change: 'changed', isRename: true }] }])
  })

  test('names what is new and what is gone', async () => {
    await check(config(BEFORE), '--write')
    const { rows } = await check(config(OTHER, 2))
    expect(rows).toMatchObject([
      {
        changes: [
          { version: 1, change: 'removed' },
          { version: 2, change: 'added' },
        ],
      },
    ])
  })

  test('does not mind in which order somebody has put the keys of the lock file', async () => {
    const name = config(BEFORE)
    await check(name, '--write')
    const path = join(folder, 'sagas.lock.json')
    const sorted = (value: unknown): unknown =>
      typeof value !== 'object' || value === null || Array.isArray(value)
        ? value
        : Object.fromEntries(
            Object.entries(value)
              .toReversed()
              .map(([key, inner]) => [key, sorted(inner)]),
          )
    writeFileSync(path, JSON.stringify(sorted(JSON.parse(readFileSync(path, 'utf8')))))
    expect((await check(name)).code).toBe(0)
  })

  test('refuses a lock file of another format, and one that is none', async () => {
    writeFileSync(join(folder, 'sagas.lock.json'), '{"format": 99, "definitions": {}}')
    expect(await check(config(BEFORE))).toMatchObject({ code: 2, err: expect.stringContaining('has the format 99') })
    writeFileSync(join(folder, 'sagas.lock.json'), '<<<<<<<')
    expect(await check(config(BEFORE))).toMatchObject({ code: 2, err: expect.stringContaining('is not JSON') })
    // What it says to do helps.
    rmSync(join(folder, 'sagas.lock.json'))
    expect((await check(config(BEFORE), '--write')).code).toBe(0)
  })
})

describe('with a database, check', () => {
  beforeAll(async () => {
    const order = sagasFor<{ services: unknown; tx: unknown }>()('order', { version: 1, input: z.object({}) }).step(
      'charge',
      {
        action: () => 1,
        compensation: () => {},
      },
    )
    const engine = await startEngine(database.connectionString, [order])
    await engine.operator.hold({ definition: 'order' }, { actor: 'ada', reason: 'test' })
    await engine.enqueueMany(order, [{ input: {} }, { input: {} }])
    await stopEngine(engine)
  })

  test('says what a deploy would leave behind, and how many', async () => {
    const name = config(OTHER, 2)
    await check(name, '--write')
    expect((await check(name)).code).toBe(0)
    const { code, rows } = await check(name, '--in-flight')
    expect(code).toBe(5)
    expect(rows).toMatchObject([
      { changes: [], leftBehind: [{ definition: 'order', version: 1, sagas: 2, deadLetters: 0, why: 'missing' }] },
    ])
  })

  test('says it of those whose shape the code does not have any more', async () => {
    const name = config(OTHER)
    await check(name, '--write')
    const { code, rows } = await check(name, '--in-flight')
    expect(code).toBe(5)
    expect(rows).toMatchObject([
      { leftBehind: [{ version: 1, sagas: 2, why: 'changed', differences: [expect.stringContaining('debit')] }] },
    ])
  })

  test('has nothing against the same code, nor against a rename', async () => {
    for (const steps of [BEFORE, RENAMED]) {
      const name = config(steps)
      await check(name, '--write')
      expect((await check(name, '--in-flight')).code).toBe(0)
    }
  })
})
