/** Maps, from the builder to the journal (rules 7, 8 and 13). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

type Services = { log: string[]; open: number; most: number; doubts: Set<string> }

const defineSaga = sagasFor<{ services: Services; tx: unknown }>()
const input = z.object({
  names: z.array(z.string()),
  refuse: z.array(z.string()).default([]),
  close: z.boolean().default(true),
})

let database: TestDatabase
let services: Services

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (definition: Parameters<typeof startEngine>[1][number], more: object = {}): Promise<SagaEngine> => {
  services = { log: [], open: 0, most: 0, doubts: new Set() }
  return startEngine(database.connectionString, [definition], { services, ...more })
}

const invite = {
  over: (context: { input: { names: string[] } }) => context.input.names.map((name) => ({ name })),
  concurrency: 3,
  retry: QUICK,
  action: async (context: {
    item: { name: string }
    index: number
    input: { refuse: string[] }
    services: Services
    idempotencyKey: string
    results: object
  }) => {
    const { item, index, services: shared } = context
    shared.open += 1
    shared.most = Math.max(shared.most, shared.open)
    await new Promise((resolve) => setImmediate(resolve))
    shared.open -= 1
    shared.log.push(
      `invite ${item.name} ${context.idempotencyKey.split(':').at(-1)} sees ${Object.keys(context.results).join()}`,
    )
    if (context.input.refuse.includes(item.name)) throw new StepRejected(`${item.name} is not invited.`, { code: 'NO' })
    return `${index}:${item.name}`
  },
  compensation: (context: {
    item: { name: string }
    index: number
    result: string | undefined
    services: Services
  }) => {
    context.services.log.push(`uninvite ${context.item.name} ${context.index} ${context.result}`)
  },
} as const

const party = defineSaga('party', { version: 1, input })
  .step('book', {
    action: () => 'room',
    compensation: ({ services: { log } }) => void log.push('unbook'),
    retry: QUICK,
  })
  .map('invite', invite)
  .step('close', {
    action: ({ input: { close }, results, services: { log } }) => {
      log.push(`close sees ${JSON.stringify(results.invite)}`)
      if (!close) throw new StepRejected('It is not closed.')
      return results.invite.length
    },
    retry: QUICK,
  })

describe('a map', () => {
  test('runs an action for each item, some at a time, and gives later steps the results in order', async () => {
    const engine = await start(party)
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`)
    const { id } = await engine.enqueue(party, { names })
    const outcome = await engine.outcome(id, { definition: party })
    const results = names.map((name, index) => `${index}:${name}`)
    expect(outcome).toEqual({ status: 'completed', results: { book: 'room', invite: results, close: 20 } })
    expect(services.most).toBeGreaterThan(1)
    expect(services.most).toBeLessThanOrEqual(3)
    expect(services.log).toContain('invite n7 invite[7] sees book')
    expect(services.log.at(-1)).toBe(`close sees ${JSON.stringify(results)}`)
  })

  test('undoes what was done when an item fails, each with its own item and result (rule 8)', async () => {
    const engine = await start(party)
    const { id } = await engine.enqueue(party, { names: ['a', 'b', 'c', 'd'], refuse: ['d'] })
    const outcome = await engine.outcome(id)
    expect(outcome).toMatchObject({ status: 'compensated', failure: { step: 'invite[3]' }, undone: ['book', 'invite'] })
    const undone = services.log.filter((line) => line.startsWith('un'))
    expect(undone.slice(0, -1).sort()).toEqual(['uninvite a 0 0:a', 'uninvite b 1 1:b', 'uninvite c 2 2:c'])
    expect(undone.at(-1)).toBe('unbook')
  })

  test('undoes its items when a later step fails', async () => {
    const engine = await start(party)
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`)
    const { id } = await engine.enqueue(party, { names, close: false })
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(services.log.filter((line) => line.startsWith('uninvite'))).toHaveLength(12)
    const view = await engine.get(id)
    expect(view?.steps.find((step) => step.name === 'invite')).toMatchObject({
      state: 'compensated',
      items: { count: 12, byState: { compensated: 12 } },
    })
  })

  test('of an empty list has an empty result', async () => {
    const engine = await start(party)
    const { id } = await engine.enqueue(party, { names: [] })
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { invite: [], close: 0 } })
  })

  test('of an empty list is undone when nothing of it is left, and has not failed', async () => {
    const engine = await start(party)
    const { id } = await engine.enqueue(party, { names: [], close: false })
    expect((await engine.outcome(id)).status).toBe('compensated')
    const view = await engine.get(id)
    expect(view?.steps.find((step) => step.name === 'invite')).toMatchObject({
      state: 'compensated',
      items: { count: 0 },
    })
  })

  test('that collects has failures among its results, and goes on', async () => {
    const survey = defineSaga('survey', { version: 1, input })
      .map('ask', { ...invite, whenItemFails: 'collect' })
      .step('count', { action: ({ results }) => results.ask.filter((answer) => answer.ok).length })
    const engine = await start(survey)
    const { id } = await engine.enqueue(survey, { names: ['a', 'b', 'c'], refuse: ['b'] })
    const outcome = await engine.outcome(id, { definition: survey })
    expect(outcome).toEqual({
      status: 'completed',
      results: {
        ask: [
          { ok: true, result: '0:a' },
          { ok: false, error: { name: 'StepRejected', code: 'NO', message: 'b is not invited.' }, inDoubt: false },
          { ok: true, result: '2:c' },
        ],
        count: 2,
      },
    })
  })

  test('keeps its list: what `over` would say later does not count (rule 12)', async () => {
    let asked = 0
    const once = defineSaga('once', { version: 1, input }).map('each', {
      over: () => Array.from({ length: (asked += 1) + 2 }, (_, index) => index * 10),
      action: ({ item }) => item,
    })
    const engine = await start(once)
    const { id } = await engine.enqueue(once, { names: [] })
    expect(await engine.outcome(id)).toMatchObject({ results: { each: [0, 10, 20] } })
    expect(asked).toBe(1)
  })

  test('verifies, retries and undoes items by their own keys', async () => {
    const seen: string[] = []
    const doubtful = defineSaga('doubtful', { version: 1, input }).map('each', {
      over: ({ input: { names } }) => names,
      retry: { ...QUICK, maxAttempts: 2 },
      action: ({ item, idempotencyKey, attempt }) => {
        seen.push(`act ${item} ${attempt} ${idempotencyKey.split(':').at(-1)}`)
        if (item === 'b') throw new Error('cut off')
        return item
      },
      verify: ({ item, index }) => {
        seen.push(`verify ${item} ${index}`)
        return { result: item }
      },
    })
    const engine = await start(doubtful)
    const { id } = await engine.enqueue(doubtful, { names: ['a', 'b'] })
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { each: ['a', 'b'] } })
    expect(seen.sort()).toEqual(['act a 1 each[0]', 'act b 1 each[1]', 'verify b 1'])
  })

  test('is found by the attempts of its items', async () => {
    const again = defineSaga('again', { version: 1, input }).map('each', {
      over: ({ input: { names } }) => names,
      retry: { ...QUICK, maxAttempts: 5 },
      action: ({ item, attempt }) => {
        if (item === 'b' && attempt < 4) throw new StepNotApplied('Not yet.')
      },
    })
    const engine = await start(again)
    const { id } = await engine.enqueue(again, { names: ['a', 'b'] })
    await engine.outcome(id)
    const found = async (minAttempts: number) => (await engine.list({ definition: 'again', minAttempts })).sagas
    expect((await found(4)).map((saga) => saga.id)).toEqual([id])
    expect(await found(5)).toEqual([])
  })

  test('tells the next attempt of an item how far the one before it had come', async () => {
    const copy = defineSaga('copy', { version: 1, input }).map('each', {
      over: ({ input: { names } }) => names,
      retry: QUICK,
      action: async ({ item, attempt, checkpoint, checkpointed }) => {
        if (attempt > 1) return checkpointed as string
        await checkpoint(`half of ${item}`)
        throw new StepNotApplied('It was cut off.')
      },
    })
    const engine = await start(copy)
    const { id } = await engine.enqueue(copy, { names: ['a', 'b'] })
    expect(await engine.outcome(id)).toMatchObject({ results: { each: ['half of a', 'half of b'] } })
  })

  test('shows its items the results of a map before it, also when the saga has been read anew', async () => {
    const gate = Promise.withResolvers<void>()
    const twice = defineSaga('twice', { version: 1, input })
      .map('each', { over: ({ input: { names } }) => names, action: ({ item }) => `${item}!` })
      .map('again', {
        over: ({ input: { names } }) => names,
        concurrency: 1,
        action: async ({ item, results }) => {
          if (item === 'b') await gate.promise
          return `${item} sees ${results.each.join()}`
        },
      })
    const engine = await start(twice)
    const { id } = await engine.enqueue(twice, { names: ['a', 'b', 'c'] })
    const byState = async () => (await engine.get(id))?.steps[1]?.items?.byState
    await until('the second item runs', async () => (await byState())?.completed === 1)
    // Moves the saga on, so that what the worker remembers of it is out of date.
    await engine.operator.pause(id, { actor: 'olga', reason: 'wait' })
    await engine.operator.resume(id, { actor: 'olga', reason: 'go on' })
    gate.resolve()
    const again = ['a sees a!,b!,c!', 'b sees a!,b!,c!', 'c sees a!,b!,c!']
    expect(await engine.outcome(id)).toMatchObject({ results: { again } })
  })

  test('has the results that its items returned, and not how far they had come', async () => {
    const send = defineSaga('send', { version: 1, input }).map('each', {
      over: ({ input: { names } }) => names,
      action: async ({ item, checkpoint }) => {
        await checkpoint('half')
        return item === 'a' ? undefined : item
      },
    })
    const engine = await start(send)
    const { id } = await engine.enqueue(send, { names: ['a', 'b'] })
    expect(await engine.outcome(id)).toEqual({ status: 'completed', results: { each: [undefined, 'b'] } })
  })

  test('can stand in a lane, beside other steps', async () => {
    const beside = defineSaga('beside', { version: 1, input })
      .parallel('both', (group) =>
        group
          .step('one', { action: () => 1 })
          .lane((lane) =>
            lane
              .map('each', { over: ({ input: { names } }) => names, action: ({ item }) => `${item}!` })
              .step('sum', { action: ({ results }) => results.each.join('') }),
          ),
      )
      .step('end', { action: ({ results }) => [results.one, results.sum, results.each.length] })
    const engine = await start(beside)
    const { id } = await engine.enqueue(beside, { names: ['x', 'y'] })
    expect(await engine.outcome(id)).toMatchObject({ results: { end: [1, 'x!y!', 2] } })
  })

  test('shows how far it is', async () => {
    const gate = Promise.withResolvers<void>()
    const slow = defineSaga('slow', { version: 1, input }).map('each', {
      over: ({ input: { names } }) => names,
      concurrency: 2,
      action: async ({ item }) => {
        if (item === 'b') await gate.promise
        return item
      },
    })
    const engine = await start(slow)
    const { id } = await engine.enqueue(slow, { names: ['a', 'b', 'c', 'd', 'e'] })
    const progress = async () => (await engine.get(id))?.steps[0]?.items?.byState
    await until('four items are done', async () => (await progress())?.completed === 4)
    expect((await engine.get(id))?.steps[0]).toMatchObject({ state: 'running', items: { count: 5 } })
    gate.resolve()
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('is held by its name, with all of its items', async () => {
    const engine = await start(party)
    const by = { actor: 'olga', reason: 'wait' }
    const hold = await engine.operator.hold({ definition: 'party', step: 'invite' }, by)
    const { id } = await engine.enqueue(party, { names: ['a', 'b'] })
    await until('it is held', async () => (await engine.get(id))?.waiting === 'hold')
    await engine.operator.release(hold, by)
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('has its items in the views, and among what filters find', async () => {
    const bad = defineSaga('bad-undo', { version: 1, input })
      .map('each', {
        over: ({ input: { names } }) => names,
        action: ({ item, attempt }) => {
          if (item === 'c' && attempt < 3) throw new StepNotApplied('Later.')
          return item
        },
        retry: QUICK,
        compensation: ({ item }) => {
          if (item === 'b') throw new StepRejected('It stays.', { code: 'STAYS' })
        },
      })
      .step('end', { action: () => Promise.reject(new StepRejected('No.', { code: 'NO' })) })
    const engine = await start(bad)
    const { id } = await engine.enqueue(bad, { names: ['a', 'b', 'c', 'd'] })
    expect((await engine.outcome(id)).status).toBe('dead_lettered')
    const letter = await database.pool.query(
      'select step, phase, attempts, error_code, failure_code from saga.dead_letter where id = $1',
      [id],
    )
    const dead = { step: 'each[1]', phase: 'compensation', attempts: 1, error_code: 'STAYS', failure_code: 'NO' }
    expect(letter.rows).toEqual([dead])
    const steps = await database.pool.query(
      `select step, state, attempts from saga.step where saga_id = $1 and step like 'each[%' order by step`,
      [id],
    )
    expect(steps.rows).toEqual([
      { step: 'each[0]', state: 'compensated', attempts: 1 },
      { step: 'each[1]', state: 'compensation_failed', attempts: 1 },
      { step: 'each[2]', state: 'compensated', attempts: 3 },
      { step: 'each[3]', state: 'compensated', attempts: 1 },
    ])
    const found = async (filter: object) => (await engine.list(filter)).sagas.map((saga) => saga.id)
    expect(await found({ definition: 'bad-undo', compensatedStep: { step: 'each' } })).toEqual([id])
    expect(await found({ definition: 'bad-undo', compensatedStep: { step: 'each[3]' } })).toEqual([id])
    expect(await found({ definition: 'bad-undo', compensatedStep: { step: 'each[1]' } })).toEqual([])
    expect(await found({ definition: 'bad-undo', minAttempts: 3 })).toEqual([id])
    expect(await found({ definition: 'bad-undo', minAttempts: 4 })).toEqual([])
  })

  test('turns where there is no list', async () => {
    const wrong = defineSaga('wrong', { version: 1, input }).map('each', {
      over: () => 'abc' as unknown as string[],
      action: ({ item }) => item,
    })
    const engine = await start(wrong)
    const { id } = await engine.enqueue(wrong, { names: [] })
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      failure: { step: 'each', error: { code: 'LIST_INVALID', message: 'Map "each" goes over a list, not a string.' } },
    })
  })
})

describe('a map is refused where it is defined', () => {
  const base = { over: () => [1], action: () => 1 }
  test.each([
    ['without a list', { ...base, over: undefined }, 'a map needs `over`, a function that returns its list'],
    ['without an action', { over: () => [] }, 'a step needs an action'],
    ['with no room', { ...base, concurrency: 0 }, 'concurrency is a whole number from 1 to 1000, not 0'],
    ['with an unknown policy', { ...base, whenItemFails: 'ignore' }, "whenItemFails is 'undo' or 'collect'"],
    [
      'that collects and waits for a person',
      { ...base, whenItemFails: 'collect', whenExhausted: 'dead_letter' },
      "a failure that is collected needs nobody, so whenExhausted cannot be 'dead_letter'",
    ],
  ])('%s', (_what, map, problem) => {
    const make = () => defineSaga('bad', { version: 1, input }).map('each', map as never)
    expect(make).toThrow(
      expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(problem) }),
    )
    expect(make).toThrow(/At each/)
  })

  test('as the pivot', () => {
    const make = () => defineSaga('bad', { version: 1, input }).map('each', base).pivot()
    expect(make).toThrow(/At each: pivot\(\) belongs right after the step/)
  })
})
