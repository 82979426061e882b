/** What the program writes, and with which code it ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeProblem } from '../../src/cli/node-version.ts'
import { createSagaClient, type SagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { order } from './fixtures/pg-saga.config.ts'
import { PLACES } from './sagas.ts'
import { type CallOptions, call } from './terminal.ts'

let database: TestDatabase
let client: SagaClient & { close(): Promise<void> }
let dead: string
let done: string
const folder = mkdtempSync(join(tmpdir(), 'pg-saga-cli-'))
const cli = (args: string, options: CallOptions = {}) => call(database.connectionString, args.split(' '), options)

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
  const engine = await startEngine(database.connectionString, [order], { build: 'a1b2c3' })
  dead = (await PLACES['SAGA']?.(client)) ?? ''
  done = (await PLACES['COMPLETED']?.(client)) ?? ''
  await stopEngine(engine)
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await client.close()
  await database.drop()
})

describe('to a program', () => {
  test('a list is a line of JSON for each saga, without the state that is the engine’s own', async () => {
    const { rows, code } = await cli('list --definition order')
    expect(code).toBe(0)
    expect(rows).toMatchObject([
      { id: done, definition: 'order', version: 1, status: 'completed' },
      { id: dead, status: 'dead_lettered', reason: 'past_pivot' },
    ])
    expect(rows[0]).not.toHaveProperty('state')
  })

  test('one thing is one object, and --json asks for it on a terminal too', async () => {
    const { rows } = await cli(`show ${dead}`)
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({
      id: dead,
      steps: [{ name: 'reserve' }, { name: 'charge' }, { name: 'ship', state: 'failed' }],
    })
    expect((await cli(`--json show ${dead}`, { isTerminal: true })).rows).toEqual(rows)
  })

  test('an error has a code, on standard error', async () => {
    const { err, code, out } = await cli('--json show 01890000-0000-7000-8000-000000000000')
    expect([code, out]).toEqual([3, ''])
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'SAGA_NOT_FOUND' } })
  })
})

describe('to a person', () => {
  test('a list is a table with titles, coloured, and no wider than the terminal', async () => {
    const { out } = await cli('list', { isTerminal: true, width: 90 })
    const plain = stripVTControlCharacters(out)
    expect(plain.split('\n')[0]).toMatch(/^id +definition +status +key +updated +error/)
    expect(out).toContain('\u001b[31mdead_lettered')
    for (const line of plain.split('\n')) expect(line.length).toBeLessThanOrEqual(90)
    expect(plain).toContain('…')
  })

  test('NO_COLOR takes the colours away', async () => {
    const { out } = await cli('list', { isTerminal: true, env: { NO_COLOR: '1' } })
    expect(out).not.toContain('\u001b')
  })

  test('what an error says does not speak to the terminal', async () => {
    const { out } = await cli(`show ${dead}`, { isTerminal: true, env: { NO_COLOR: '1' } })
    expect(out).toContain('No carrier for')
    expect(out).not.toContain('\u001b')
  })

  test('nor do the reasons of an operation, nor JSON that is looked at', async () => {
    const reason = 'as \u001b[31masked\u009b31m'
    const start = ['ops', 'start', 'retry', '--status', 'dead_lettered', '--key', 'none', '--reason', reason]
    const plain = { isTerminal: true, env: { NO_COLOR: '1' } }
    const { out } = await call(database.connectionString, start, plain)
    expect(out).toContain('as  [31masked 31m')
    const { out: json } = await call(database.connectionString, ['--json', 'ops', 'list'], plain)
    expect(json).not.toMatch(/\p{Cc}(?!$)/u)
    expect(JSON.parse(json.split('\n')[0] ?? '')).toMatchObject({ reason })
  })

  test('a plan is in words, with the hash that holds the order to it', async () => {
    const { out } = await cli(`retry ${dead} --dry-run`, { isTerminal: true, env: { NO_COLOR: '1' } })
    expect(out).toMatch(/retry would do this:\n {2}ship +runs\n/)
    expect(out).toContain(`--plan ${(await client.operator.plan(dead, 'retry')).hash}`)
  })
})

describe('the exit code is', () => {
  test.each([
    ['2 for a command that there is not', 'lsit', 2, /unknown command 'lsit'/],
    ['2 for an option that there is not', 'list --stauts x', 2, /unknown option '--stauts'/],
    ['2 for a filter that cannot be', 'list --status done', 2, /status is one of .*not "done"/],
    ['2 for a moment that is none', 'list --started-after yesterday', 2, /length of time ago such as '2 hours'/],
    ['2 for half a filter', 'count --compensated-by b', 2, /go with compensated-step/],
    ['2 for an act without a reason', 'retry $DEAD', 2, /Why\? Give --reason/],
    ['2 for a number that is none', 'list --limit ten', 2, /limit is a whole number/],
    [
      '2 for a moment to come that is a bare number',
      'triage 1:0 ignored --reason x --until 5',
      2,
      /--until is a moment/,
    ],
    ['2 for a moment of the audit that is none', 'audit --from 5', 2, /--from is a moment .*length of time ago/],
    [
      '2 for a request id of the engine’s own',
      'retry $DEAD --reason test --request-id pg-saga:operation:1:2',
      2,
      /begin with "pg-saga:" are the engine's own/,
    ],
    ['3 for a saga that there is not', 'events 01890000-0000-7000-8000-000000000000', 3, /There is no saga/],
    ['4 for an order that does not fit, with those that do', 'resume $DONE --reason test', 4, /What fits now: /],
    [
      '4 for a plan that is another now',
      'retry $DEAD --plan other --reason test',
      4,
      /has moved on since the plan was shown/,
    ],
    ['3 for a definition that there is not', 'enqueue trip {}', 3, /There are: order v1/],
    ['4 for an input that does not fit, with the fields', 'enqueue order {"nr":"one"}', 4, /nr: /],
    ['2 for an input that is no JSON', 'enqueue order {nr}', 2, /The input is not JSON/],
  ])('%s', async (_what, line, expected, says) => {
    const { code, err, out } = await cli(line.replace('$DEAD', dead).replace('$DONE', done))
    expect(err).toMatch(says)
    expect([code, out]).toEqual([expected, ''])
  })

  test('1 where the database cannot be reached, and 2 where nobody says which', async () => {
    expect((await cli('--url postgres://nobody@127.0.0.1:1/none list')).code).toBe(1)
    const nowhere = await cli('list', { env: { DATABASE_URL: undefined as never }, cwd: folder })
    expect(nowhere).toMatchObject({ code: 2, err: expect.stringMatching(/Which database\?/) })
  })

  test('2 for a config file that is broken, which is named', async () => {
    writeFileSync(join(folder, 'broken.config.mjs'), 'export default 1')
    const { code, err } = await cli('check --config broken.config.mjs', { cwd: folder })
    expect([code, err]).toEqual([2, expect.stringMatching(/broken\.config\.mjs exports no object as its default/)])
  })
})

test('the journal names who has given an order at the command line', async () => {
  const id = (await PLACES['SAGA']?.(await withEngine())) ?? ''
  expect((await cli(`resolve ${id} --as completed --reason shipped-by-hand --request-id r-1`)).rows).toEqual([
    { sagaId: id, repeated: false },
  ])
  expect((await cli(`resolve ${id} --as completed --reason shipped-by-hand --request-id r-1`)).rows).toEqual([
    { sagaId: id, repeated: true },
  ])
  const event = (await client.journal(id)).find((entry) => entry.event.type === 'saga_resolved')?.event
  expect(JSON.stringify(event)).toContain('"actor":"cli:ada","reason":"shipped-by-hand"')
})

test('an error group is ignored for a length of time, and the audit is asked by group and time', async () => {
  const [group] = await client.errorGroups()
  const id = group?.id ?? ''
  const triage = (until: string) =>
    call(database.connectionString, ['triage', id, 'ignored', '--until', until, '--reason', 'x'])
  const { code, rows } = await triage('2 hours')
  expect(code).toBe(0)
  const { until } = rows[0] as { readonly until: string }
  expect(Math.abs(Date.parse(until) - Date.now() - 2 * 3_600_000)).toBeLessThan(60_000)
  expect(await triage('2001-05-01T09:00Z')).toMatchObject({ code: 2, err: expect.stringMatching(/is to come/) })
  const count = async (args: string) => (await cli(`audit --action triage ${args}`)).rows.length
  expect(await count(`--error-group ${id}`)).toBe(1)
  expect(await count(`--error-group ${id} --from 1h`)).toBe(1)
  expect(await count('--error-group none')).toBe(0)
  expect(await count(`--error-group ${id} --to 1h`)).toBe(0)
  expect(await count(`--error-group ${id} --from ${new Date(Date.now() + 3_600_000).toISOString()}`)).toBe(0)
})

async function withEngine(): Promise<SagaClient> {
  await startEngine(database.connectionString, [order], { build: 'a1b2c3' })
  return client
}

describe('Node', () => {
  test.each(['22.18.0', '22.20.1', '24.0.0', '26.1.0'])('%s will do', (version) => {
    expect(nodeProblem(version)).toBeUndefined()
  })
  test.each(['18.20.0', '20.19.5', '22.17.9'])('%s is too old, and is told so with what to do', (version) => {
    expect(nodeProblem(version)).toMatch(/needs Node 22\.18 or later, and this is .*npm install --save-dev node@24/)
  })
})
