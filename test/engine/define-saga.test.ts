import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineContract } from '../../src/engine/contract.ts'
import { sagasFor } from '../../src/engine/define-saga.ts'
import { checkDefinition, type Definition } from '../../src/engine/definition.ts'
import { SagaError } from '../../src/engine/errors.ts'

type App = { services: { calls: string[] }; tx: { write(text: string): void } }

const defineSaga = sagasFor<App>()
const input = z.object({ id: z.string(), count: z.number().default(1) })
const one = { action: () => 1 }
const order = () => defineSaga('order', { version: 1, input })

/** What callers without types can get wrong. */
const untyped = (value: unknown) => value as never

function refusal(define: () => unknown): SagaError {
  try {
    define()
  } catch (error) {
    if (error instanceof SagaError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

const retryOf = (definition: Definition, step: string, side: 'action' | 'compensation' = 'action') =>
  definition.steps.get(step)?.[side]?.retry

describe('a definition', () => {
  test('has the shape of its steps as its blueprint', () => {
    const saga = order()
      .transactionalStep('reserve', { ...one, compensation: () => {} })
      .step('charge', { ...one, compensation: { run: () => {}, when: 'completed' } })
      .pivot()
      .step('tell', one)
      .onResolved(() => {})
      .onCompleted(() => {})
    expect(saga).toMatchObject({ name: 'order', version: 1, input })
    expect(saga.blueprint).toEqual({
      format: 1,
      definition: 'order',
      version: 1,
      nodes: [
        { node: 'step', name: 'reserve', kind: 'transactional', compensation: true },
        {
          node: 'step',
          name: 'charge',
          kind: 'external',
          compensation: true,
          compensateWhen: 'completed',
          pivot: true,
        },
        { node: 'step', name: 'tell', kind: 'external', compensation: false },
      ],
      hooks: ['completed', 'resolved'],
    })
    expect([...saga.steps.keys()]).toEqual(['reserve', 'charge', 'tell'])
    expect(Object.keys(saga.hooks).sort()).toEqual(['completed', 'resolved'])
    expect(() => checkDefinition(saga)).not.toThrow()
  })

  test('is made anew by each call', () => {
    const before = order().step('one', one)
    const left = before.step('left', one)
    const right = before
      .pivot()
      .step('right', one)
      .onCompleted(() => {})
    expect(before.blueprint.nodes.map((node) => node.name)).toEqual(['one'])
    expect(before.blueprint.nodes[0]).not.toHaveProperty('pivot')
    expect(left.blueprint.nodes.map((node) => node.name)).toEqual(['one', 'left'])
    expect(right.blueprint.nodes.map((node) => node.name)).toEqual(['one', 'right'])
    expect([...before.steps.keys()]).toEqual(['one'])
    expect(before.hooks).toEqual({})
  })

  test('can come from a contract', () => {
    const contract = defineContract('order', { version: 3, input })
    expect(contract).toEqual({ name: 'order', version: 3, input })
    expect(defineSaga(contract).step('one', one)).toMatchObject(contract)
  })

  test('has defaults for everything that bounds a step', () => {
    const saga = order()
      .step('external', { ...one, compensation: () => {} })
      .transactionalStep('transactional', { ...one, compensation: () => {} })
      .onCompleted(() => {})
    const minute = 60_000
    const action = { maxAttempts: 5, backoff: 'exponential', initialIntervalMs: 1_000, maxIntervalMs: minute }
    const compensation = {
      maxAttempts: Number.MAX_SAFE_INTEGER,
      backoff: 'exponential',
      initialIntervalMs: 1_000,
      maxIntervalMs: 15 * minute,
      maxDurationMs: 24 * 60 * minute,
    }
    const external = saga.steps.get('external')
    expect(external).toMatchObject({
      action: { retry: action, timeoutMs: minute },
      compensation: { retry: compensation, timeoutMs: minute },
      whenExhausted: 'compensate',
    })
    expect(Object.keys(external ?? {}).sort()).toEqual(['action', 'compensation', 'whenExhausted'])
    expect(saga.steps.get('transactional')).toMatchObject({
      action: { retry: action, timeoutMs: 10_000 },
      compensation: { retry: compensation, timeoutMs: 10_000 },
    })
    expect(saga.hooks.completed).toMatchObject({ retry: { ...action, maxAttempts: 10 }, timeoutMs: 10_000 })
  })

  test('takes what bounds a step from its options', () => {
    const classify = () => 'rejected' as const
    const output = z.number()
    const saga = order()
      .step('one', {
        ...one,
        retry: { maxAttempts: 3, backoff: 'linear', initialInterval: '2s', maxInterval: '10s', maxDuration: '1h' },
        timeout: '90s',
        settleAfter: '5s',
        maxLost: 1,
        whenExhausted: 'dead_letter',
        classify,
        output,
        compensation: { run: () => {}, timeout: '5s', retry: { maxAttempts: 7 } },
      })
      .onDeadLettered({ run: () => {}, retry: { maxAttempts: 1 }, timeout: 500 })
    expect(saga.steps.get('one')).toMatchObject({
      action: {
        retry: {
          maxAttempts: 3,
          backoff: 'linear',
          initialIntervalMs: 2_000,
          maxIntervalMs: 10_000,
          maxDurationMs: 3_600_000,
        },
        timeoutMs: 90_000,
      },
      compensation: { timeoutMs: 5_000 },
      settleAfterMs: 5_000,
      maxLost: 1,
      whenExhausted: 'dead_letter',
      output,
    })
    expect(saga.steps.get('one')?.classify?.(new Error('x'))).toBe('rejected')
    expect(saga.hooks.dead_lettered).toMatchObject({ retry: { maxAttempts: 1 }, timeoutMs: 500 })
  })

  test('undoes a step within the time of its action, where nothing else is said', () => {
    const saga = order().step('one', { ...one, timeout: '5m', compensation: () => {} })
    expect(saga.steps.get('one')?.compensation?.timeoutMs).toBe(300_000)
  })
})

describe('a retry policy', () => {
  test('that limits attempts, or time, replaces both limits of the default', () => {
    const saga = order()
      .step('attempts', { ...one, compensation: { run: () => {}, retry: { maxAttempts: 50 } } })
      .step('time', { ...one, retry: { maxDuration: '1h' } })
      .step('endless', { ...one, retry: { maxAttempts: Number.POSITIVE_INFINITY } })
      .step('interval', { ...one, compensation: { run: () => {}, retry: { maxInterval: '1m' } } })
    expect(retryOf(saga, 'attempts', 'compensation')).toMatchObject({ maxAttempts: 50 })
    expect(retryOf(saga, 'attempts', 'compensation')).not.toHaveProperty('maxDurationMs')
    expect(retryOf(saga, 'time')).toMatchObject({ maxAttempts: Number.MAX_SAFE_INTEGER, maxDurationMs: 3_600_000 })
    expect(retryOf(saga, 'endless')?.maxAttempts).toBe(Number.MAX_SAFE_INTEGER)
    expect(retryOf(saga, 'interval', 'compensation')?.maxDurationMs).toBe(86_400_000)
  })

  test('survives JSON, in which it travels', () => {
    const policy = retryOf(order().step('one', { ...one, retry: { maxAttempts: Number.POSITIVE_INFINITY } }), 'one')
    expect(JSON.parse(JSON.stringify(policy))).toEqual(policy)
  })

  test('with one interval moves the default of the other', () => {
    const saga = order()
      .step('short', { ...one, retry: { maxInterval: '100ms' } })
      .step('long', { ...one, retry: { initialInterval: '2m' } })
    expect(retryOf(saga, 'short')).toMatchObject({ initialIntervalMs: 100, maxIntervalMs: 100 })
    expect(retryOf(saga, 'long')).toMatchObject({ initialIntervalMs: 120_000, maxIntervalMs: 120_000 })
  })
})

describe('a step', () => {
  test('can be an instance of a class, with fields of its own', () => {
    class Reserve {
      readonly #shelf: string
      readonly timeout = '2s'
      constructor(shelf: string) {
        this.#shelf = shelf
      }
      action({ input }: { input: { id: string } }) {
        return `${this.#shelf} ${input.id}`
      }
      compensation() {
        return `free ${this.#shelf}`
      }
      classify() {
        return this.#shelf === 'A' ? ('rejected' as const) : undefined
      }
    }
    const code = order().step('reserve', new Reserve('A')).steps.get('reserve')
    expect(code?.action.run(untyped({ input: { id: '7' } }))).toBe('A 7')
    expect(code?.compensation?.run(untyped({}))).toBe('free A')
    expect(code?.classify?.(new Error('x'))).toBe('rejected')
    expect(code?.action.timeoutMs).toBe(2_000)
  })

  test('keeps the owner of a function with a policy, too', () => {
    class Undo {
      readonly retry = { maxAttempts: 3 }
      readonly #word = 'undone'
      run() {
        return this.#word
      }
    }
    const saga = order()
      .step('one', { ...one, compensation: new Undo() })
      .onCompensated(new Undo())
    expect(saga.steps.get('one')?.compensation?.run(untyped({}))).toBe('undone')
    expect(saga.hooks.compensated?.run(untyped({}))).toBe('undone')
    expect(saga.hooks.compensated?.retry.maxAttempts).toBe(3)
  })

  test('does not run, and is not changed, by being defined', () => {
    const step = Object.freeze({
      action: () => {
        throw new Error('It ran.')
      },
    })
    expect(() => order().step('one', step)).not.toThrow()
  })
})

describe('a definition is refused, and the place named, when', () => {
  const step = (options: object) => () => order().step('one', untyped({ ...one, ...options }))
  const transactional = (options: object) => () => order().transactionalStep('one', untyped({ ...one, ...options }))
  const nothing = () => {}
  const refused: readonly (readonly [string, () => unknown, string, string])[] = [
    ['its name is empty', () => defineSaga('', { version: 1, input }), 'name', 'lower-case'],
    ['its name has a separator', () => defineSaga('my:saga', { version: 1, input }), 'name', 'lower-case'],
    ['its version is 0', () => defineSaga('order', { version: 0, input }), 'version', 'from 1 up'],
    ['its version is a fraction', () => defineContract('order', { version: 1.5, input }), 'version', 'whole number'],
    ['it has no options', () => defineSaga('order', untyped(undefined)), 'version', 'from 1 up'],
    ['its input is no schema', () => defineSaga('order', { version: 1, input: untyped({}) }), 'input', 'zod'],
    [
      'a contract was made by hand, and badly',
      () => defineSaga({ name: 'Order', version: 1, input }),
      'name',
      'lower-case',
    ],
    ['a step has no name', () => order().step('', one), '', 'lower-case'],
    ['a step has a bad name', () => order().step('Charge_Card', one), 'Charge_Card', 'lower-case'],
    ['a step has a name of the engine', () => order().step('@completed', one), '@completed', 'lower-case'],
    ['a step is called constructor', () => order().step('constructor', one), 'constructor', ''],
    ['two steps have one name', () => order().step('one', one).step(untyped('one'), one), 'one', 'used twice'],
    ['a step is nothing', () => order().step('one', untyped(undefined)), 'one', 'an object with an action'],
    ['a step has no action', () => order().step('one', untyped({})), 'one', 'needs an action'],
    ['a compensation is no function', step({ compensation: 'undo' }), 'one.compensation', 'a function'],
    ['a compensation has no run', step({ compensation: { retry: {} } }), 'one.compensation', 'called run'],
    [
      'a compensation runs at odd times',
      step({ compensation: { run: nothing, when: 'x' } }),
      'one.compensation',
      "'completed'",
    ],
    ['attempts are none', step({ retry: { maxAttempts: 0 } }), 'one.retry', 'maxAttempts'],
    ['attempts are a fraction', step({ retry: { maxAttempts: 1.5 } }), 'one.retry', 'maxAttempts'],
    ['an interval is zero', step({ retry: { initialInterval: 0 } }), 'one.retry', 'initialInterval'],
    ['an interval is negative', step({ retry: { initialInterval: -5 } }), 'one.retry.initialInterval', 'no length'],
    ['an interval is nonsense', step({ retry: { maxInterval: 'soon' } }), 'one.retry.maxInterval', '"soon"'],
    [
      'the longest interval is the shorter one',
      step({ retry: { initialInterval: '1m', maxInterval: '1s' } }),
      'one.retry',
      'shorter than',
    ],
    ['a backoff is unknown', step({ retry: { backoff: 'random' } }), 'one.retry', '"random"'],
    ['retries end at once', step({ retry: { maxDuration: 0 } }), 'one.retry', 'maxDuration'],
    [
      "a compensation's policy is bad",
      step({ compensation: { run: nothing, retry: { maxAttempts: -1 } } }),
      'one.compensation.retry',
      'maxAttempts',
    ],
    ['a timeout is zero', step({ timeout: 0 }), 'one.timeout', 'between 1 ms and 23 hours'],
    ['a timeout is longer than a job can live', step({ timeout: '1 day' }), 'one.timeout', '23 hours'],
    ['timeout and settling are', step({ timeout: '23h', settleAfter: '1h' }), 'one.settleAfter', '23 hours'],
    [
      "a compensation's timeout is bad",
      step({ compensation: { run: nothing, timeout: 'x' } }),
      'one.compensation.timeout',
      '"x"',
    ],
    ['no delivery may be lost', step({ maxLost: 0 }), 'one', 'maxLost'],
    ['exhaustion leads nowhere', step({ whenExhausted: 'retry' }), 'one', '"retry"'],
    ['a result is checked by no schema', step({ output: { parse: nothing } }), 'one', 'zod'],
    ['classify is no function', step({ classify: 'rejected' }), 'one', 'classify'],
    ['a transactional step settles', transactional({ settleAfter: '1s' }), 'one', 'never in doubt'],
    [
      'a transactional step tells doubt apart',
      transactional({ compensation: { run: nothing, when: 'completed' } }),
      'one',
      'never in doubt',
    ],
    ['former names are no list', step({ formerly: 'uno' }), 'one.formerly', "['old-name']"],
    ['a former name is no text', step({ formerly: [1] }), 'one.formerly', "['old-name']"],
    ['a former name is no name', step({ formerly: ['Uno'] }), 'one.formerly', '"Uno" is not a name'],
    ['a former name is its own', step({ formerly: ['one'] }), 'one.formerly', 'a name in use'],
    ['a former name is given twice', step({ formerly: ['uno', 'uno'] }), 'one.formerly', 'given twice'],
    [
      'a later step has a former name',
      () =>
        order()
          .step('one', { ...one, formerly: ['two'] })
          .step('two', one),
      'one.formerly',
      'a name in use',
    ],
    [
      'a branch and a step of it have had one name',
      () =>
        order().branch(
          'way',
          { run: () => null, formerly: ['uno'] },
          {
            on: (way) => way.step('one', { ...one, formerly: ['uno'] }),
          },
        ),
      'one.formerly',
      'given twice',
    ],
    [
      'former names of a branch are no list',
      () => order().branch('way', untyped({ run: () => null, formerly: {} }), { on: (way) => way.step('one', one) }),
      'way.formerly',
      "['old-name']",
    ],
    ['a pivot comes before any step', () => order().pivot(), 'order', 'right after the step'],
    ['a pivot is made twice', () => order().step('one', one).pivot().pivot(), 'one', 'already'],
    ['there are two pivots', () => order().step('one', one).pivot().step('two', one).pivot(), 'two', 'second pivot'],
    [
      'a step after the pivot is to be undone by itself',
      () =>
        order()
          .step('one', one)
          .pivot()
          .step('two', { ...one, whenExhausted: 'compensate' }),
      'two',
      'after the pivot',
    ],
    ['a hook is no function', () => order().onCompleted(untyped({})), 'completed', 'called run'],
    ['a hook is nothing', () => order().onCompleted(untyped(null)), 'completed', 'called run'],
    ['there are two of a hook', () => order().onCompleted(nothing).onCompleted(nothing), 'completed', 'already'],
    ["a hook's timeout is bad", () => order().onResolved({ run: nothing, timeout: 0 }), 'resolved.timeout', '23 hours'],
  ]

  test.each(refused)('%s', (_when, define, at, problem) => {
    const error = refusal(define)
    expect(error.code).toBe('DEFINITION_INVALID')
    expect(error.details.problems?.[0]?.at).toBe(at)
    expect(error.details.problems?.[0]?.problem).toContain(problem)
    expect(error.message).toContain(error.details.problems?.[0]?.problem)
  })

  test('the place is found at the first mistake, and all of a contract at once', () => {
    const error = refusal(() => defineContract('Order', untyped({ version: 0 })))
    expect(error.details.problems?.map(({ at }) => at)).toEqual(['name', 'version', 'input'])
    expect(error.message).toBe(
      'Saga Order cannot be defined like this. At name: lower-case letters, digits and dashes, starting with a letter. ' +
        'At version: it must be a whole number from 1 up, not 0. At input: it must be a zod schema.',
    )
  })
})
