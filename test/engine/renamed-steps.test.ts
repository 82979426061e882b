/** Code that changes under sagas in flight: a step that has got another name under the same version. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  type SagaEngine,
  SagaError,
  StepNotApplied,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest, until } from '../support/waiting.ts'

type Call = {
  readonly code: string
  readonly step: string
  readonly what: string
  readonly key: string
  readonly seen: string[]
}
type App = { services: { calls: Call[] }; tx: unknown }
type Context = {
  readonly services: App['services']
  readonly step: string
  readonly idempotencyKey: string
  readonly results: object
}

const defineSaga = sagasFor<App>()
const input = z.object({ fails: z.boolean().default(false), doubts: z.boolean().default(false) })
const quick = { maxAttempts: 3, backoff: 'fixed', initialInterval: '10ms' } as const

let database: TestDatabase
let calls: Call[] = []

beforeAll(async () => {
  database = await testDatabase()
})
afterEach(() => {
  calls = []
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

/** Functions of one code, which note what they were given. */
function noting(code: string) {
  const note = (what: string, { services, step, idempotencyKey, results }: Context) => {
    services.calls.push({ code, step, what, key: idempotencyKey, seen: Object.keys(results).sort() })
  }
  const step = {
    action: (context: Context) => {
      note('action', context)
      return code
    },
    compensation: (context: Context) => note('compensation', context),
  }
  return { note, step }
}

/** The saga as it was first written, and as it is called today: everything in it has got another name but `last`. */
function shop(name: string) {
  const define = () => defineSaga(name, { version: 1, input })
  const [was, is] = [noting('old'), noting('new')]
  const ends = {
    action: ({ input: { fails } }: { readonly input: { readonly fails: boolean } }) => {
      if (fails) throw new StepRejected('refused')
    },
  }
  const reserve = ({ note, step }: typeof was) => ({
    ...step,
    action: (context: Context & { readonly input: { readonly doubts: boolean } }) => {
      note('action', context)
      if (context.input.doubts) throw new Error('no answer')
      return 'reserved'
    },
    verify: (context: Context) => {
      note('verify', context)
      return { result: 'found' }
    },
    retry: quick,
  })
  const old = define()
    .step('open', was.step)
    .step('reserve', reserve(was))
    .parallel('side', (group) => group.step('mail', was.step).step('log', was.step))
    .branch(
      'way',
      (context) => {
        was.note('choose', context)
        return 'air'
      },
      { air: (way) => way.step('fly', was.step), sea: (way) => way },
    )
    .transactionalStep('book', was.step)
    .step('last', ends)
    .onCompleted((context) => was.note('completed', context))
    .onCompensated((context) => was.note('compensated', context))
  const renamed = define()
    .step('open', is.step)
    .step('allocate', { ...reserve(is), formerly: ['reserve'] })
    .parallel('side', (group) => group.step('notify', { ...is.step, formerly: ['mail'] }).step('log', is.step))
    .branch(
      'route',
      {
        run: (context) => {
          is.note('choose', context)
          return 'air'
        },
        formerly: ['way'],
      },
      { air: (way) => way.step('lift', { ...is.step, formerly: ['fly'] }), sea: (way) => way },
    )
    .transactionalStep('enter', { ...is.step, formerly: ['book'] })
    .step('last', ends)
    .onCompleted((context) => is.note('completed', context))
    .onCompensated((context) => is.note('compensated', context))
  return { old, renamed }
}

const start = (definitions: Parameters<typeof startEngine>[1]): Promise<SagaEngine> =>
  startEngine(database.connectionString, definitions, { services: { calls } })
const by = { actor: 'tester', reason: 'a deploy' }
const of = (id: string, step: string, side = '') => `${id}:${step}${side}`
const done = (code: string) => calls.filter((call) => call.code === code).map(({ what, step }) => `${what} ${step}`)

/** Until it waits for the hold. */
async function held(engine: SagaEngine, id: string): Promise<void> {
  await until(`saga ${id} is held`, async () => (await engine.get(id))?.waiting === 'hold')
}

describe('a step with another name under the same version', () => {
  test('is refused unless it says so, and the refusal says what differs', async () => {
    const named = (first: string, more = {}) =>
      defineSaga('undeclared', { version: 1, input }).step(first, { action: () => {}, ...more })
    await using client = createSagaClient({ connectionString: database.connectionString })
    await client.enqueue(named('reserve'), {})
    const error = await start([named('allocate')]).catch((refusal: unknown) => refusal)
    expect(error).toBeInstanceOf(SagaError)
    expect(error).toMatchObject({
      code: 'DEFINITION_CHANGED',
      message: expect.stringContaining(`"allocate" stands where "reserve" stood`),
      details: { differences: [expect.stringContaining(`formerly: ['reserve']`)] },
    })
    await expect(start([named('allocate', { formerly: ['hold-back'] })])).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      details: { differences: [expect.stringContaining(`formerly: ['hold-back', 'reserve']`)] },
    })
    await start([named('allocate', { formerly: ['reserve'] })])
    // Renamed once more, it has had both names.
    await expect(start([named('claim', { formerly: ['allocate'] })])).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
    })
    await start([named('claim', { formerly: ['allocate', 'reserve'] })])
  })

  test.each([
    ['before it', 'open', ['action reserve', 'action mail', 'choose way', 'action fly']],
    ['at it', 'reserve', ['action reserve', 'action mail', 'choose way', 'action fly']],
    ['after it', 'mail', ['action mail', 'choose way', 'action fly']],
    ['at its chooser', 'way', ['choose way', 'action fly']],
    ['before a transactional one', 'book', []],
  ])('leaves a saga that waits %s its names, its keys and its journal', async (_where, step, choosing) => {
    const { old, renamed } = shop(`waits-at-${step}`)
    const before = await start([old])
    const hold = await before.operator.hold({ definition: old.name, step }, by)
    const { id } = await before.enqueue(old, {})
    await held(before, id)
    await stopEngine(before)
    const oldCalls = calls.length
    const after = await start([renamed])
    await after.operator.release(hold, by)
    const outcome = await after.outcome(id)
    expect(outcome).toMatchObject({
      status: 'completed',
      results: { reserve: 'reserved', mail: expect.anything(), fly: expect.anything(), book: 'new' },
    })
    expect(await after.outcome(id, { definition: renamed })).toMatchObject({
      results: { allocate: 'reserved', notify: expect.anything(), lift: expect.anything(), enter: 'new' },
    })
    expect((await after.get(id))?.steps.map(({ name }) => name)).toEqual([
      'open',
      'reserve',
      'mail',
      'log',
      'way',
      'fly',
      'book',
      'last',
    ])
    expect(calls.filter(({ what }) => what === 'action').map(({ key, step: own }) => [key, own])).toEqual(
      expect.arrayContaining(['open', 'reserve', 'mail', 'fly', 'book'].map((name) => [of(id, name), name])),
    )
    const byNew = calls.slice(oldCalls)
    expect(byNew.every(({ code }) => code === 'new')).toBe(true)
    expect(done('new')).toEqual(expect.arrayContaining([...choosing, 'action book', 'completed @completed']))
    // New code finds results under the names that it was written with.
    expect(byNew.find(({ what }) => what === 'completed')?.seen).toEqual([
      'allocate',
      'enter',
      'lift',
      'log',
      'notify',
      'open',
    ])
    expect(byNew.find((call) => call.step === 'book')?.seen).toEqual(['allocate', 'lift', 'log', 'notify', 'open'])
    expect(byNew.find((call) => call.step === 'mail')?.seen ?? ['allocate', 'open']).toEqual(['allocate', 'open'])
  })

  test('undoes a saga that is going back under its own names', async () => {
    const { old, renamed } = shop('goes-back')
    const before = await start([old])
    const hold = await before.operator.hold({ definition: old.name, side: 'compensation' }, by)
    const { id } = await before.enqueue(old, { fails: true })
    await held(before, id)
    await stopEngine(before)
    const after = await start([renamed])
    expect(await after.operator.plan(id, 'retry').catch((error: SagaError) => error.code)).toBe('ORDER_REFUSED')
    await after.operator.release(hold, by)
    expect(await after.outcome(id)).toMatchObject({
      status: 'compensated',
      undone: ['open', 'reserve', 'mail', 'log', 'fly', 'book'],
    })
    const undone = calls.filter(({ what }) => what === 'compensation')
    expect(undone.map(({ code }) => code)).toEqual(Array(6).fill('new'))
    expect(undone.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['reserve', 'mail', 'fly', 'book'].map((name) => of(id, name, ':compensation'))),
    )
    expect(done('new')).toContain('compensated @compensated')
  })

  test('looks up what is in doubt under the old key', async () => {
    const { old, renamed } = shop('doubts')
    const before = await start([old])
    const hold = await before.operator.hold({ definition: old.name, step: 'reserve', side: 'verify' }, by)
    const { id } = await before.enqueue(old, { doubts: true })
    await held(before, id)
    await stopEngine(before)
    const after = await start([renamed])
    await after.operator.release(hold, by)
    expect(await after.outcome(id)).toMatchObject({ status: 'completed', results: { reserve: 'found' } })
    expect(calls.find(({ what }) => what === 'verify')).toMatchObject({ code: 'new', key: of(id, 'reserve') })
  })

  test('goes by the limits that the new code sets', async () => {
    const flaky = (name: string, maxAttempts: number, more = {}) =>
      defineSaga('limits', { version: 1, input }).step(name, {
        action: ({ attempt }) => {
          throw new StepNotApplied(`no, ${attempt}`)
        },
        retry: { ...quick, maxAttempts },
        ...more,
      })
    const before = await start([flaky('one', 1_000_000)])
    const { id } = await before.enqueue(flaky('one', 1_000_000), {})
    await until('it is tried', async () => ((await before.get(id))?.steps[0]?.attempts ?? 0) > 1)
    await stopEngine(before)
    const after = await start([flaky('uno', 1, { formerly: ['one'] })])
    expect((await after.outcome(id)).status).toBe('compensated')
    expect((await after.get(id))?.steps).toMatchObject([{ name: 'one', state: 'failed' }])
  })

  test('lets old code be started again, and that runs the sagas of the new one', async () => {
    const { old, renamed } = shop('rolled-back')
    const first = await start([renamed])
    const hold = await first.operator.hold({ definition: old.name, step: 'enter' }, by)
    const { id } = await first.enqueue(renamed, { fails: true })
    await held(first, id)
    await stopEngine(first)
    const newCalls = calls.length
    const back = await start([old])
    const fresh = await back.enqueue(old, {})
    await held(back, fresh.id)
    await back.operator.release(hold, by)
    expect(await back.outcome(fresh.id)).toMatchObject({ status: 'completed', results: { book: 'old' } })
    expect(await back.outcome(id)).toMatchObject({
      status: 'compensated',
      undone: ['open', 'allocate', 'notify', 'log', 'lift', 'enter'],
    })
    const ofNew = calls.slice(newCalls).filter(({ key }) => key.startsWith(id))
    expect(ofNew.every(({ code }) => code === 'old')).toBe(true)
    expect(ofNew.map(({ key }) => key)).toEqual(
      expect.arrayContaining([of(id, 'enter'), of(id, 'enter', ':compensation'), of(id, 'allocate', ':compensation')]),
    )
    // Old code knows nothing of the new names.
    expect(ofNew.find(({ what, step }) => what === 'action' && step === 'enter')?.seen).toEqual([
      'fly',
      'log',
      'mail',
      'open',
      'reserve',
    ])
  })
})

describe('old and new workers together', () => {
  test('complete a thousand sagas of both, and none is put off for want of code', async () => {
    const { old, renamed } = shop('together')
    const [before, after] = await Promise.all([start([old]), start([renamed])])
    const many = Array.from({ length: 500 }, () => ({ input: {} }))
    await Promise.all([before.enqueueMany(old, many), after.enqueueMany(renamed, many)])
    await atRest(database.pool, 1_000)
    await until('all are completed', async () => (await after.count({ definition: old.name })).completed === 1_000)
    const { rows } = await database.pool.query(
      `select e.type, e.data ->> 'why' as why, count(*)::int as n from saga.saga_event e join saga.saga s on s.id = e.saga_id
       where s.definition = $1 and e.type in ('attempt_returned', 'attempt_failed', 'attempt_lost', 'saga_dead_lettered')
       group by 1, 2`,
      [old.name],
    )
    expect(rows).toEqual([])
    // Each has run sagas of the other, and every saga has the keys of its own shape only.
    const ran = (code: string, step: string) => calls.some((call) => call.code === code && call.step === step)
    for (const code of ['old', 'new']) for (const step of ['reserve', 'allocate']) expect(ran(code, step)).toBe(true)
    const keys = new Set(calls.map(({ key }) => key))
    const { rows: sagas } = await database.pool.query<{ id: string; reserved: boolean }>(
      `select id, state -> 'steps' -> 'reserve' is not null as reserved from saga.saga where definition = $1`,
      [old.name],
    )
    expect(sagas.filter(({ reserved }) => reserved)).toHaveLength(500)
    for (const { id, reserved } of sagas) {
      expect([keys.has(of(id, 'reserve')), keys.has(of(id, 'allocate'))]).toEqual([reserved, !reserved])
    }
  })
})

describe('a hold on a step that was renamed', () => {
  const named = (definition: string, step: string, more = {}) =>
    defineSaga(definition, { version: 1, input }).step(step, { action: () => {}, ...more })

  test('stops it under each of its names, whichever was named, and lets go of all', async () => {
    const [old, renamed] = [named('held', 'one'), named('held', 'uno', { formerly: ['one'] })]
    const before = await start([old])
    const early = await before.operator.hold({ definition: 'held', step: 'one' }, by)
    const first = await before.enqueue(old, {})
    await held(before, first.id)
    // What is registered while it is in force is held too.
    const after = await start([renamed])
    const second = await after.enqueue(renamed, {})
    await held(after, second.id)
    expect(await after.operator.holds()).toMatchObject([{ step: 'one', names: ['one', 'uno'] }])
    const late = await after.operator.hold({ definition: 'held', step: 'uno' }, by)
    await after.operator.release(early, by)
    const third = await before.enqueue(old, {})
    await held(before, third.id)
    // Those that the first hold stopped are stopped by the other one, and nothing is journalled over and over.
    await held(after, first.id)
    expect(await after.operator.holds()).toMatchObject([{ step: 'uno', names: ['uno', 'one'] }])
    await after.operator.release(late, by)
    for (const { id } of [first, second, third]) expect((await after.outcome(id)).status).toBe('completed')
  })
})

describe('registration', () => {
  const shape = (definition: string, step: string, more = {}) =>
    defineSaga(definition, { version: 1, input }).step(step, { action: () => {}, ...more })
  const clients = (count: number) =>
    Array.from({ length: count }, () => createSagaClient({ connectionString: database.connectionString }))

  test('lets in any number of processes at once whose shapes go together', async () => {
    const shapes = [shape('at-once', 'one'), shape('at-once', 'uno', { formerly: ['one'] })]
    const all = clients(10)
    await Promise.all(all.map((client, at) => client.enqueue(shapes[at % 2] ?? shape('', ''), {})))
    const { rows } = await database.pool.query(`select from saga.saga_blueprint where definition = 'at-once'`)
    expect(rows).toHaveLength(2)
    await Promise.all(all.map((client) => client.close()))
  })

  test('lets in one of two at once that do not go together', async () => {
    const all = clients(10)
    const starts = all.map((client, at) => client.enqueue(shape('either-or', at % 2 === 0 ? 'one' : 'other'), {}))
    const ended = await Promise.allSettled(starts)
    const refused = ended.filter((one) => one.status === 'rejected')
    expect(refused.map(({ reason }) => (reason as SagaError).code)).toEqual(Array(5).fill('DEFINITION_CHANGED'))
    const { rows } = await database.pool.query(`select from saga.saga_blueprint where definition = 'either-or'`)
    expect(rows).toHaveLength(1)
    await Promise.all(all.map((client) => client.close()))
  })
})
