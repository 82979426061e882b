/** One saga at a time of those with a key: the others wait in line, or are refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  defineContract,
  fromPg,
  type SagaEngine,
  StepNotApplied,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const define = sagasFor<{ services: unknown; tx: unknown }>()
const input = z.object({ account: z.string(), note: z.string().default(''), fail: z.enum(['undo', 'stop']).optional() })
const BY = { actor: 'ada', reason: 'because' }

let began: string[] = []
const open = new Map<string, number>()
let overlaps = 0
let isMended = false
let gate = Promise.withResolvers<void>()

function enter(account: string): void {
  const inside = (open.get(account) ?? 0) + 1
  open.set(account, inside)
  if (inside > 1) overlaps += 1
}

const leave = (account: string) => void open.set(account, (open.get(account) ?? 0) - 1)

const contract = defineContract('transfer', {
  version: 1,
  input,
  concurrency: { key: ({ account }) => (account === '' ? undefined : `account:${account}`) },
})
const transfer = define(contract)
  .step('take', {
    action: ({ input: { account, note } }) => {
      began.push(note)
      enter(account)
    },
    compensation: ({ input: { account } }) => leave(account),
    retry: QUICK,
  })
  .step('wait', { action: () => gate.promise, timeout: '1m' })
  .step('give', {
    action: ({ input: { account, fail } }) => {
      if (fail === 'undo') throw new StepRejected('No.')
      if (fail === 'stop' && !isMended) throw new StepNotApplied('Not now.')
      leave(account)
    },
    retry: { ...QUICK, maxAttempts: 1 },
    whenExhausted: 'dead_letter',
  })
const close = define('close', { version: 1, input }).step('close', {
  action: ({ input: { account, note } }) => {
    began.push(note)
    enter(account)
    leave(account)
  },
})

describe('a concurrency key', () => {
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>

  beforeAll(async () => {
    database = await testDatabase()
    client = createSagaClient({ connectionString: database.connectionString })
  })
  beforeEach(() => {
    began = []
    open.clear()
    overlaps = 0
    isMended = false
    gate = Promise.withResolvers<void>()
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await client.close()
    await database.drop()
  })

  const start = () => startEngine(database.connectionString, [transfer, close])
  const statusOf = async (id: string) => (await client.get(id))?.status
  const isAtWait = (id: string) =>
    until('it is in its second step', async () => (await client.get(id))?.steps[1]?.state === 'running')
  const ended = async (engine: SagaEngine, ids: readonly string[]) => {
    const statuses = []
    for (const id of ids) statuses.push((await engine.outcome(id)).status)
    return statuses
  }

  test('lets one saga run at a time over two workers, in the order of their starts, whatever their ends', async () => {
    gate.resolve()
    const [one, other] = await Promise.all([start(), start()])
    const ids: string[] = []
    for (let count = 0; count < 30; count += 1) {
      const fail = count % 3 === 0 ? { fail: 'undo' as const } : {}
      ids.push(
        (await (count % 2 === 0 ? one : other).enqueue(transfer, { account: 'a', note: `${count}`, ...fail })).id,
      )
    }
    const statuses = await ended(other, ids)
    expect(statuses.filter((status) => status === 'compensated')).toHaveLength(10)
    expect(statuses.filter((status) => status === 'completed')).toHaveLength(20)
    expect(overlaps).toBe(0)
    expect(began).toEqual(ids.map((_, index) => `${index}`))
    expect((await client.get(ids[0] ?? ''))?.concurrencyKey).toBe('account:a')
  })

  test('lets the next one begin as soon as one has come to rest', async () => {
    const engine = await start()
    const since = performance.now()
    const inputs = Array.from({ length: 20 }, () => ({ input: { account: 'next' }, concurrencyKey: 'next' }))
    const started = await engine.enqueueMany(close, inputs)
    await ended(
      engine,
      started.flatMap((one) => (one.ok ? [one.id] : [])),
    )
    // By looking at the lines alone it would take ten seconds.
    expect(performance.now() - since).toBeLessThan(5_000)
  })

  test('keeps only its own waiting: many lines move at the same time, and those without a key stand in none', async () => {
    const engine = await start()
    const accounts = Array.from({ length: 20 }, (_, index) => `many-${index}`)
    const twice = [...accounts, ...accounts, ''].map((account) => ({ input: { account } }))
    const started = await engine.enqueueMany(transfer, twice)
    await until('one of each is in its second step', async () => began.length === 21)
    gate.resolve()
    const ids = started.flatMap((one) => (one.ok ? [one.id] : []))
    expect(await ended(engine, ids)).toEqual(ids.map(() => 'completed'))
    expect([overlaps, began.length]).toEqual([0, 41])
    expect((await client.get(ids.at(-1) ?? ''))?.concurrencyKey).toBeNull()
  })

  test('is shared by definitions, and can be given at the start', async () => {
    const engine = await start()
    const first = await engine.enqueue(transfer, { account: 'shared', note: 'transfer' })
    await isAtWait(first.id)
    const second = await client.enqueue(
      close,
      { account: 'shared', note: 'close' },
      { concurrencyKey: 'account:shared' },
    )
    const elsewhere = await client.enqueue(
      transfer,
      { account: 'shared', note: 'other key' },
      { concurrencyKey: 'else' },
    )
    await isAtWait(elsewhere.id)
    expect(await client.get(second.id)).toMatchObject({ status: 'pending', waiting: 'line' })
    gate.resolve()
    expect(await ended(engine, [second.id, first.id, elsewhere.id])).toEqual(['completed', 'completed', 'completed'])
    expect(began.indexOf('close')).toBeGreaterThan(began.indexOf('transfer'))
  })

  test('refuses strictly where it is told to: of twenty starts at the same time one is stored', async () => {
    const starts = Array.from({ length: 20 }, () =>
      client.enqueue(contract, { account: 'strict' }, { whenBusy: 'refuse' }),
    )
    const results = await Promise.allSettled(starts)
    const stored = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []))
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect([stored.length, errors.length]).toEqual([1, 19])
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'KEY_BUSY', details: { sagaId: stored[0], definition: 'transfer' } })
    }
    const { rows } = await database.pool.query(
      `select count(*)::int from saga.saga where concurrency_key = 'account:strict'`,
    )
    expect(rows).toEqual([{ count: 1 }])
    const journals = await database.pool.query(
      'select from saga.saga_event e where not exists (select from saga.saga s where s.id = e.saga_id)',
    )
    expect(journals.rows).toEqual([])
    gate.resolve()
    const engine = await start()
    await engine.outcome(stored[0] ?? '')
    const next = await engine.enqueue(contract, { account: 'strict' }, { whenBusy: 'refuse' })
    // It begins at once: there is nothing to wait for.
    expect((await engine.journal(next.id)).map(({ event }) => event.type)).not.toContain('saga_begun')
    expect((await engine.outcome(next.id)).status).toBe('completed')
  })

  test('that refuses leaves nothing behind in the transaction of its caller, and finds a start that is repeated', async () => {
    const options = { key: 'refusing', whenBusy: 'refuse' } as const
    const first = await client.enqueue(transfer, { account: 'tx' }, options)
    expect(await client.enqueue(transfer, { account: 'tx' }, options)).toEqual({ id: first.id, created: false })
    const connection = await database.pool.connect()
    await connection.query('begin')
    const db = fromPg(connection)
    await expect(client.enqueue(transfer, { account: 'tx' }, { db, whenBusy: 'refuse' })).rejects.toMatchObject({
      code: 'KEY_BUSY',
    })
    const other = await client.enqueue(transfer, { account: 'tx 2' }, { db, whenBusy: 'refuse' })
    const many = client.enqueueMany(
      transfer,
      [
        { input: { account: 'tx 3' }, whenBusy: 'refuse' },
        { input: { account: 'tx' }, whenBusy: 'refuse' },
      ],
      { db },
    )
    await expect(many).rejects.toMatchObject({ code: 'KEY_BUSY' })
    await connection.query('commit')
    connection.release()
    const { rows } = await database.pool.query(
      `select id, concurrency_key from saga.saga where concurrency_key like 'account:tx%' order by id`,
    )
    expect(rows.map((row) => row.id)).toEqual([first.id, other.id])
    const results = await client.enqueueMany(transfer, [
      { input: { account: 'tx' }, whenBusy: 'refuse' },
      { input: { account: 'tx 4' }, whenBusy: 'refuse' },
      { input: { account: 'tx 4' }, whenBusy: 'refuse' },
      { input: { account: 'tx 4' } },
    ])
    expect(results.map((result) => (result.ok ? result.created : result.error.code))).toEqual([
      'KEY_BUSY',
      true,
      'KEY_BUSY',
      true,
    ])
    gate.resolve()
    const engine = await start()
    const ids = [first.id, other.id, ...results.flatMap((result) => (result.ok ? [result.id] : []))]
    expect(await ended(engine, ids)).toEqual(['completed', 'completed', 'completed', 'completed'])
  })

  test('keeps a refused start waiting for one that is still open, and lets it in when that is rolled back', async () => {
    const connection = await database.pool.connect()
    await connection.query('begin')
    const db = fromPg(connection)
    await client.enqueue(close, { account: 'open' }, { db, concurrencyKey: 'open', whenBusy: 'refuse' })
    const second = client.enqueue(close, { account: 'open' }, { concurrencyKey: 'open', whenBusy: 'refuse' })
    await until('it waits', async () => {
      const { rows } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length === 1
    })
    await connection.query('rollback')
    connection.release()
    const engine = await start()
    expect(await ended(engine, [(await second).id])).toEqual(['completed'])
  })

  test('is given up by what is cancelled in line, or comes to its deadline there', async () => {
    const engine = await start()
    const first = await engine.enqueue(transfer, { account: 'c', note: 'first' })
    await isAtWait(first.id)
    const second = await engine.enqueue(transfer, { account: 'c', note: 'second' })
    const third = await engine.enqueue(
      transfer,
      { account: 'c', note: 'third' },
      { deadlineAt: new Date(Date.now() + 3_600_000) },
    )
    const fourth = await engine.enqueue(transfer, { account: 'c', note: 'fourth' })
    await engine.operator.cancel(second.id, BY)
    await database.pool.query('update saga.saga_timer set due_at = saga.now() where saga_id = $1', [third.id])
    expect(await ended(engine, [second.id, third.id])).toEqual(['compensated', 'compensated'])
    expect(await statusOf(fourth.id)).toBe('pending')
    gate.resolve()
    expect(await ended(engine, [first.id, fourth.id])).toEqual(['completed', 'completed'])
    expect(began).toEqual(['first', 'fourth'])
  })

  test('is kept by a dead letter until it is retried to its end, or resolved', async () => {
    gate.resolve()
    const engine = await start()
    const stuck = await engine.enqueue(transfer, { account: 'd', note: 'stuck', fail: 'stop' })
    const stuckToo = await engine.enqueue(transfer, { account: 'd', note: 'stuck too', fail: 'stop' })
    const last = await engine.enqueue(transfer, { account: 'd', note: 'last' })
    expect(await ended(engine, [stuck.id])).toEqual(['dead_lettered'])
    expect([await statusOf(stuckToo.id), await statusOf(last.id)]).toEqual(['pending', 'pending'])
    isMended = true
    await engine.operator.retry(stuck.id, BY)
    expect(await ended(engine, [stuck.id])).toEqual(['completed'])
    isMended = false
    expect(await ended(engine, [stuckToo.id])).toEqual(['dead_lettered'])
    open.clear()
    await client.operator.resolve(stuckToo.id, { ...BY, as: 'compensated' })
    expect(await ended(engine, [last.id])).toEqual(['completed'])
    expect([began, overlaps]).toEqual([['stuck', 'stuck too', 'last'], 0])
  })

  test('is stood in line for when the start time comes, and by a rerun; a pause keeps the place', async () => {
    const engine = await start()
    const later = await engine.enqueue(
      close,
      { account: 'e', note: 'later' },
      {
        concurrencyKey: 'account:e',
        startAt: new Date(Date.now() + 3_600_000),
      },
    )
    const first = await engine.enqueue(transfer, { account: 'e', note: 'first', fail: 'undo' })
    await isAtWait(first.id)
    const paused = await engine.enqueue(transfer, { account: 'e', note: 'paused' })
    await engine.operator.pause(paused.id, BY)
    await database.pool.query('update saga.saga_timer set due_at = saga.now() where saga_id = $1', [later.id])
    await until('its start time has come', async () => (await client.get(later.id))?.waiting === 'line')
    gate.resolve()
    expect(await ended(engine, [first.id])).toEqual(['compensated'])
    await until('the paused one is at the front', async () => (await statusOf(paused.id)) === 'running')
    const { newSagaId } = await engine.operator.rerun(first.id, BY)
    expect(await client.get(newSagaId)).toMatchObject({ status: 'pending', concurrencyKey: 'account:e' })
    await engine.operator.resume(paused.id, BY)
    expect(await ended(engine, [newSagaId, paused.id, later.id])).toEqual(['compensated', 'completed', 'completed'])
    expect(began).toEqual(['first', 'paused', 'later', 'first'])
  })

  test('moves on though nobody was told: by looking twice a second', async () => {
    const engine = await start()
    const first = await engine.enqueue(transfer, { account: 'f', note: 'first' })
    await isAtWait(first.id)
    const quiet = createSagaClient({ connectionString: database.connectionString, notify: false })
    const second = await quiet.enqueue(transfer, { account: 'f', note: 'second' })
    const alone = await quiet.enqueue(transfer, { account: 'g', note: 'alone' })
    await quiet.close()
    await until('it began', async () => began.includes('alone'))
    gate.resolve()
    expect(await ended(engine, [first.id, second.id, alone.id])).toEqual(['completed', 'completed', 'completed'])
    await stopEngine(engine)
  })

  test.each([
    ['an empty key', { concurrencyKey: '' }],
    ['a number as key', { concurrencyKey: 5 }],
    ['too long a key', { concurrencyKey: 'k'.repeat(501) }],
    ['another answer to a busy line', { concurrencyKey: 'k', whenBusy: 'run' }],
    ['an answer to a line that there is none of', { whenBusy: 'wait' }],
    ['a start time, and no will to wait', { concurrencyKey: 'k', whenBusy: 'refuse', startAt: new Date() }],
  ])('with %s is refused', async (_what, options) => {
    const before = await client.count()
    await expect(client.enqueue(close, { account: 'a' }, options as never)).rejects.toMatchObject({
      code: 'NAME_INVALID',
    })
    expect(await client.count()).toEqual(before)
  })

  test('whose function is of no use is refused, where it is defined or when it is asked', async () => {
    const wrong = (concurrency: unknown) => () =>
      define('wrong', { version: 1, input, concurrency: concurrency as never })
    for (const [at, concurrency] of [
      ['concurrency.key', {}],
      ['concurrency.key', { key: 'account' }],
      ['concurrency.key', null],
      ['concurrency.whenBusy', { key: () => 'k', whenBusy: 'run' }],
    ] as const) {
      expect(wrong(concurrency)).toThrow(
        expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(`At ${at}`) }),
      )
    }
    for (const key of [() => 7, async () => 'later', () => JSON.parse('{')]) {
      const odd = define('odd', { version: 1, input, concurrency: { key: key as never } }).step('one', {
        action: () => 1,
      })
      await expect(client.enqueue(odd, { account: 'a' })).rejects.toMatchObject({ code: 'NAME_INVALID' })
    }
  })
})
