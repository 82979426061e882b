/** Parallel groups and branches, from the builder to the journal (rules 8, 9 and 12). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const defineSaga = sagasFor<{ services: { log: string[] }; tx: unknown }>()
const input = z.object({ express: z.boolean().nullable().default(null), refuse: z.string().default('') })
type Context = {
  readonly step: string
  readonly input: { refuse: string }
  readonly results: object
  readonly services: { log: string[] }
}

let database: TestDatabase
let log: string[] = []

/** Logs what it is shown, and is refused where the input says so. */
const step = (what = '') => ({
  action: ({ step: name, input: { refuse }, results, services }: Context) => {
    services.log.push(`${name} sees ${Object.keys(results).sort().join(' ')}`.trim())
    if (refuse === name) throw new StepRejected(`${name} is refused.`)
    return { of: name, what }
  },
  compensation: ({ step: name, results, services }: Context) => {
    services.log.push(`undo ${name} sees ${Object.keys(results).sort().join(' ')}`.trim())
  },
  retry: QUICK,
})

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (definition: Parameters<typeof startEngine>[1][number]): Promise<SagaEngine> => {
  log = []
  return startEngine(database.connectionString, [definition], { services: { log } })
}

describe('a parallel group', () => {
  const tell = defineSaga('tell', { version: 1, input })
    .step('pay', step())
    .parallel('all', (group) =>
      group
        .step('email', step())
        .transactionalStep('book', step())
        .lane((lane) =>
          lane
            .step('label', step())
            .parallel('both', (inner) => inner.step('pick', step()).step('pack', step()))
            .step('seal', step()),
        ),
    )
    .step('close', step())

  test('runs its lanes side by side', async () => {
    const gates = { left: Promise.withResolvers<void>(), right: Promise.withResolvers<void>() }
    const meet = defineSaga('meet', { version: 1, input }).parallel('both', (group) =>
      group
        .step('left', {
          action: async () => {
            gates.left.resolve()
            await gates.right.promise
          },
        })
        .step('right', {
          action: async () => {
            gates.right.resolve()
            await gates.left.promise
          },
        }),
    )
    const engine = await start(meet)
    const { id } = await engine.enqueue(meet, {})
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('shows its steps what was before it, and of their own lane, and nothing of the others', async () => {
    const engine = await start(tell)
    const { id } = await engine.enqueue(tell, {})
    const outcome = await engine.outcome(id)
    expect(outcome).toMatchObject({ status: 'completed', results: { email: { of: 'email' }, seal: { of: 'seal' } } })
    expect([...log].sort()).toEqual([
      'book sees pay',
      'close sees book email label pack pay pick seal',
      'email sees pay',
      'label sees pay',
      'pack sees label pay',
      'pay sees',
      'pick sees label pay',
      'seal sees label pack pay pick',
    ])
  })

  test.each(['email', 'book', 'pick', 'seal'])(
    'is undone together with what was before it when its step "%s" is refused (rule 8)',
    async (refuse) => {
      const engine = await start(tell)
      const { id } = await engine.enqueue(tell, { refuse })
      const outcome = await engine.outcome(id)
      expect(outcome).toMatchObject({ status: 'compensated', failure: { step: refuse } })
      const { steps = [] } = (await engine.get(id)) ?? {}
      const names = (state: string) => steps.filter((one) => one.state === state).map((one) => one.name)
      // With it those that were about to start when it was refused, and never did.
      expect(names('failed')).toContain(refuse)
      expect(names('completed')).toEqual([])
      const undone = log.filter((line) => line.startsWith('undo'))
      expect(new Set(undone.map((line) => line.split(' ')[1]))).toEqual(new Set(names('compensated')))
      // What was before the group is undone when all of the group is.
      expect(undone.at(-1)).toBe('undo pay sees')
      expect(log.some((line) => line.startsWith('close'))).toBe(false)
    },
  )

  test('waits for the siblings of a step that is refused, and undoes what they have done (rule 9)', async () => {
    const refused = Promise.withResolvers<void>()
    const slow = defineSaga('slow', { version: 1, input }).parallel('both', (group) =>
      group
        .step('slow', {
          action: async ({ services }) => {
            await refused.promise
            services.log.push('slow is done')
          },
          compensation: ({ services }) => {
            services.log.push('slow is undone')
          },
        })
        .step('refused', {
          action: () => {
            throw new StepRejected('No.')
          },
        }),
    )
    const engine = await start(slow)
    const { id } = await engine.enqueue(slow, {})
    for await (const { event } of engine.watch(id)) {
      if (event.type === 'saga_turned') break
    }
    expect(await engine.get(id)).toMatchObject({ status: 'compensating', draining: true })
    refused.resolve()
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(log).toEqual(['slow is done', 'slow is undone'])
  })
})

describe('a branch', () => {
  let asked = 0
  const ship = defineSaga('ship', { version: 1, input })
    .step('pay', step())
    .branch(
      'way',
      ({ input: { express }, results }) => {
        asked += 1
        expect(results.pay.of).toBe('pay')
        return express === null ? null : express ? 'express' : 'slow'
      },
      {
        express: (way) => way.step('fly', step()).step('hand-over', step()),
        slow: (way) => way.step('drive', step()),
      },
    )
    .step('close', {
      ...step(),
      action: ({ results, attempt, ...context }) => {
        if (attempt === 1) throw new Error('Not yet.')
        return step().action({ ...context, results }).of + (results.fly?.of ?? results.drive?.of ?? 'none')
      },
    })

  test.each([
    [true, 'express', 'fly', ['close', 'fly', 'hand-over', 'pay']],
    [false, 'slow', 'drive', ['close', 'drive', 'pay']],
    [null, null, 'none', ['close', 'pay']],
  ] as const)('with the answer %s takes the way %s, and is asked once (rule 12)', async (express, way, last, steps) => {
    asked = 0
    const engine = await start(ship)
    const { id } = await engine.enqueue(ship, { express })
    const outcome = await engine.outcome(id)
    expect(outcome.status).toBe('completed')
    expect(Object.keys(outcome.status === 'completed' ? outcome.results : {}).sort()).toEqual(steps)
    expect(outcome).toMatchObject({ results: { close: `close${last}` } })
    expect(asked).toBe(1)
    const chosen = (await engine.journal(id)).filter(({ event }) => event.type === 'branch_chosen')
    expect(chosen).toMatchObject([{ event: { step: 'way', option: way } }])
    expect((await engine.get(id))?.steps.find((one) => one.name === 'way')).toMatchObject({ chosen: way })
  })

  test('is undone along the way that was taken', async () => {
    const engine = await start(ship)
    const { id } = await engine.enqueue(ship, { express: true, refuse: 'hand-over' })
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      undone: ['pay', 'fly'],
      failure: { step: 'hand-over' },
    })
    expect(log).toEqual(['pay sees', 'fly sees pay', 'hand-over sees fly pay', 'undo fly sees pay', 'undo pay sees'])
  })

  test('whose chooser names no option is refused, and says what there is', async () => {
    const lost = defineSaga('lost', { version: 1, input })
      .step('pay', step())
      .branch('way', () => 'nowhere' as 'there', { there: (way) => way.step('go', step()) })
    const engine = await start(lost)
    const { id } = await engine.enqueue(lost, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      undone: ['pay'],
      failure: {
        step: 'way',
        error: {
          code: 'OPTION_UNKNOWN',
          message: 'Branch "way" has no option "nowhere"; it has there, or null for none.',
        },
      },
    })
  })

  test('whose chooser fails is asked again, and is never in doubt', async () => {
    let tries = 0
    const shaky = defineSaga('shaky', { version: 1, input })
      .branch(
        'way',
        {
          run: () => {
            tries += 1
            if (tries < 3) throw new Error('Not now.')
            return 'there'
          },
          retry: QUICK,
        },
        { there: (way) => way.step('go', step()) },
      )
      .step('close', step())
    const engine = await start(shaky)
    const { id } = await engine.enqueue(shaky, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    expect(tries).toBe(3)
    const failed = (await engine.journal(id)).filter(({ event }) => event.type === 'attempt_failed')
    expect(failed.map(({ event }) => 'verdict' in event && event.verdict)).toEqual(['not_applied', 'not_applied'])
  })

  test('stands in a lane, with a group in an option', async () => {
    const deep = defineSaga('deep', { version: 1, input })
      .parallel('outer', (group) =>
        group.step('beside', step()).lane((lane) =>
          lane.step('first', step()).branch('way', () => 'two', {
            one: (way) => way.step('alone', step()),
            two: (way) => way.parallel('inner', (inner) => inner.step('left', step()).step('right', step())),
          }),
        ),
      )
      .step('close', step())
    const engine = await start(deep)
    const { id } = await engine.enqueue(deep, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    expect([...log].sort()).toEqual([
      'beside sees',
      'close sees beside first left right',
      'first sees',
      'left sees first',
      'right sees first',
    ])
  })

  test('may have the pivot of one way', async () => {
    const pivoted = defineSaga('pivoted', { version: 1, input })
      .step('pay', step())
      .branch('way', ({ input: { express } }) => (express === true ? 'final' : null), {
        final: (way) => way.step('ticket', step()).pivot(),
      })
      .step('close', step())
    const engine = await start(pivoted)
    const [kept, undone] = await Promise.all([
      engine.enqueue(pivoted, { express: true, refuse: 'close' }),
      engine.enqueue(pivoted, { express: false, refuse: 'close' }),
    ])
    expect(await engine.outcome(kept.id)).toMatchObject({ status: 'dead_lettered', reason: 'past_pivot' })
    expect(await engine.outcome(undone.id)).toMatchObject({ status: 'compensated', undone: ['pay'] })
  })
})

describe('a tree', () => {
  const order = () => defineSaga('order', { version: 1, input }).step('pay', step())
  const untyped = (value: unknown) => value as never

  test.each([
    [
      'a pivot in a group',
      () => order().parallel('all', (group) => group.lane((lane) => lane.step('go', step()).pivot())),
      'go',
    ],
    [
      'two pivots on one way',
      () =>
        order()
          .pivot()
          .branch('way', () => null, { there: (way) => way.step('go', step()).pivot() }),
      'go',
    ],
    ['a name used twice', () => order().parallel('all', (group) => group.step(untyped('pay'), step())), 'pay'],
    [
      'a name used twice in its lanes',
      () =>
        order().parallel('all', (group) => group.step('go', step()).lane((lane) => lane.step(untyped('go'), step()))),
      'go',
    ],
    ['a group called like a step', () => order().parallel(untyped('pay'), (group) => group.step('go', step())), 'pay'],
    ['an empty group', () => order().parallel('all', (group) => group), 'all'],
    ['an empty lane', () => order().parallel('all', (group) => group.lane((lane) => lane)), 'all'],
    ['a branch without options', () => order().branch('way', () => null, {}), 'way'],
    [
      'an option with an odd name',
      () => order().branch('way', () => null, { 'Not this': (way) => way.step('go', step()) }),
      'way.Not this',
    ],
    [
      'a chooser that is none',
      () => order().branch('way', untyped('there'), { there: (way) => way.step('go', step()) }),
      'way',
    ],
    ['a group without a function', () => order().parallel('all', untyped(undefined)), 'all'],
    [
      'a group whose function returns nothing',
      () =>
        order().parallel(
          'all',
          untyped(() => {}),
        ),
      'all',
    ],
    [
      'an option whose function returns something else',
      () => order().branch('way', () => null, untyped({ there: () => order() })),
      'way.there',
    ],
    [
      'a pivot after a group',
      () =>
        order()
          .parallel('all', (group) => group.step('go', step()))
          .pivot(),
      'all',
    ],
    [
      'what cannot be undone by itself',
      () =>
        order()
          .pivot()
          .parallel('all', (group) => group.step('go', { ...step(), whenExhausted: 'compensate' })),
      'go',
    ],
  ])('with %s is refused, and says where', (_what, define, at) => {
    expect(define).toThrow(
      expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(`At ${at}:`) }),
    )
  })
})
