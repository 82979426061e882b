/** Finding out what became of an attempt in doubt, from the definition to the journal (rules 5, 8 and 9). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Found, type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

/** The other side: charges, and does not always say so. */
class Bank {
  readonly charges = new Map<string, number>()
  readonly log: string[] = []
  /** What the next calls do. */
  faults: ('lost answer' | 'nothing')[] = []

  charge(key: string): number {
    const fault = this.faults.shift()
    this.log.push(`charge${fault === undefined ? '' : `, ${fault}`}`)
    if (fault !== 'nothing' && !this.charges.has(key)) this.charges.set(key, 100 + this.charges.size)
    if (fault !== undefined) throw new Error('The line is dead.')
    return this.charges.get(key) ?? 0
  }

  find(key: string): Found<number> {
    const number = this.charges.get(key)
    this.log.push(`find, ${number === undefined ? 'nothing' : 'found'}`)
    return number === undefined ? 'not_applied' : { result: number }
  }
}

const defineSaga = sagasFor<{ services: { bank: Bank }; tx: unknown }>()
const input = z.object({ refuse: z.boolean().default(false) })
const charge = {
  action: ({ services, idempotencyKey }: { services: { bank: Bank }; idempotencyKey: string }) =>
    services.bank.charge(idempotencyKey),
  verify: ({ services, idempotencyKey }: { services: { bank: Bank }; idempotencyKey: string }) =>
    services.bank.find(idempotencyKey),
  compensation: ({ services, action }: { services: { bank: Bank }; action: { outcome: string } }) => {
    services.bank.log.push(`refund, ${action.outcome}`)
  },
  retry: QUICK,
}
const ship = {
  action: ({ input: { refuse }, results }: { input: { refuse: boolean }; results: { charge: number } }) => {
    if (refuse) throw new StepRejected('No carrier.')
    return `for ${results.charge}`
  },
}

let database: TestDatabase
let bank = new Bank()

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(() => {
  bank = new Bank()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (definition: Parameters<typeof startEngine>[1][number]): Promise<SagaEngine> =>
  startEngine(database.connectionString, [definition], { services: { bank } })

describe('a step in doubt that can be verified', () => {
  const order = defineSaga('order', { version: 1, input }).step('charge', charge).step('ship', ship)

  test('has its result from the verification when it took effect, and is not tried again', async () => {
    const engine = await start(order)
    bank.faults = ['lost answer']
    const { id } = await engine.enqueue(order, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'completed',
      results: { charge: 100, ship: 'for 100' },
    })
    expect(bank.log).toEqual(['charge, lost answer', 'find, found'])
    const verified = (await engine.journal(id)).find(({ event }) => event.type === 'step_verified')
    expect(verified).toMatchObject({ event: { step: 'charge', outcome: 'applied' }, payload: 100 })
    expect((await engine.get(id))?.steps[0]).toMatchObject({ state: 'completed', result: 100, inDoubt: false })
  })

  test('is tried again when it did not take effect', async () => {
    const engine = await start(order)
    bank.faults = ['nothing']
    const { id } = await engine.enqueue(order, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    expect(bank.log).toEqual(['charge, nothing', 'find, nothing', 'charge'])
  })

  test('is not undone when it turns out that there is nothing to undo', async () => {
    const engine = await start(order)
    bank.faults = ['nothing', 'nothing', 'nothing']
    const { id } = await engine.enqueue(order, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: [], leftInDoubt: [] })
    expect(bank.log.at(-1)).toBe('find, nothing')
    expect(bank.log.filter((line) => line.startsWith('refund'))).toEqual([])
  })

  test('goes on when its last attempt turns out to have taken effect', async () => {
    const engine = await start(order)
    bank.faults = ['nothing', 'nothing', 'lost answer']
    const { id } = await engine.enqueue(order, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { charge: 100 } })
  })

  test('is undone with its result when it is found and what follows is refused', async () => {
    const engine = await start(order)
    bank.faults = ['lost answer']
    const { id } = await engine.enqueue(order, { refuse: true })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['charge'] })
    expect(bank.log.at(-1)).toBe('refund, completed')
  })

  test.each([
    ['cannot tell', () => 'unknown' as const],
    [
      'fails',
      () => {
        throw new Error('The line is dead.')
      },
    ],
    ['says something else', () => 'maybe' as 'unknown'],
    ['finds what cannot be stored', () => ({ result: Number.NaN })],
  ])('stays in doubt when its verification %s, and is undone as that', async (_what, run) => {
    const doubtful = defineSaga('doubtful', { version: 1, input })
      .step('charge', { ...charge, verify: { run, retry: { ...QUICK, maxAttempts: 2 } } })
      .step('ship', ship)
    const engine = await start(doubtful)
    bank.faults = ['lost answer', 'lost answer', 'lost answer']
    const { id } = await engine.enqueue(doubtful, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['charge'] })
    expect(bank.log).toEqual([...Array(3).fill('charge, lost answer'), 'refund, in_doubt'])
  })
})

describe('a pivot in doubt that can be verified', () => {
  const order = defineSaga('pivoted', { version: 1, input }).step('charge', charge).pivot().step('ship', ship)

  test('needs nobody: found, the saga goes on', async () => {
    const engine = await start(order)
    bank.faults = ['nothing', 'nothing', 'lost answer']
    const { id } = await engine.enqueue(order, {})
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('needs nobody: not found, the saga is undone (rule 9)', async () => {
    const engine = await start(order)
    bank.faults = ['nothing', 'nothing', 'nothing']
    const { id } = await engine.enqueue(order, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: [] })
  })
})

describe('a result', () => {
  test('of null is null to steps, in the outcome and in the view', async () => {
    const nothing = defineSaga('nothing', { version: 1, input })
      .step('look', { action: () => null })
      .step('tell', { action: ({ results }) => ({ looked: results.look === null }) })
      .step('none', { action: () => {} })
    const engine = await start(nothing)
    const { id } = await engine.enqueue(nothing, {})
    const outcome = await engine.outcome(id)
    expect(outcome).toMatchObject({ status: 'completed', results: { look: null, tell: { looked: true } } })
    expect((await engine.get(id))?.steps.map((step) => step.result)).toEqual([null, { looked: true }, undefined])
  })

  test('stays what others saw, and the step known, when another attempt says late that it took effect (rule 5)', async () => {
    const gate = Promise.withResolvers<void>()
    const seen: unknown[] = []
    let isKnown = async () => false
    const late = defineSaga('late', { version: 1, input })
      .step('charge', {
        action: async ({ attempt }) => {
          if (attempt > 1) return 'second'
          await gate.promise
          return 'first'
        },
        compensation: {
          run: async ({ action, result }) => {
            seen.push([action.outcome, result])
            gate.resolve()
            if (!(await isKnown())) throw new Error('Not yet.')
          },
          retry: { maxAttempts: 200, backoff: 'fixed', initialInterval: '20ms' },
        },
        retry: QUICK,
        timeout: '30ms',
        settleAfter: '30ms',
      })
      .step('ship', { action: () => Promise.reject(new StepRejected('No.')) })
    const engine = await start(late)
    const { id } = await engine.enqueue(late, {})
    isKnown = async () =>
      (await engine.journal(id)).some(({ event }) => event.type === 'late_report') && seen.length > 2
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set(['["completed","second"]']))
  })
})

describe('a function with several calls', () => {
  test('has a key for each, the same in every attempt, and another in its compensation (rule 7)', async () => {
    const seen: string[] = []
    const parts = defineSaga('parts', { version: 1, input })
      .step('both', {
        action: ({ keyFor, attempt, idempotencyKey }) => {
          seen.push(keyFor('a'), keyFor('compensation'))
          expect(() => keyFor('')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
          if (attempt === 1) throw new Error('Again.')
          return idempotencyKey
        },
        compensation: ({ keyFor, action }) => {
          seen.push(keyFor('a'), action.keyFor('a'))
        },
        retry: QUICK,
      })
      .step('ship', { action: () => Promise.reject(new StepRejected('No.')) })
    const engine = await start(parts)
    const { id } = await engine.enqueue(parts, {})
    await engine.outcome(id)
    const [own, undo] = [`${id}:both`, `${id}:both:compensation`]
    expect(seen).toEqual([
      `${own}/a`,
      `${own}/compensation`,
      `${own}/a`,
      `${own}/compensation`,
      `${undo}/a`,
      `${own}/a`,
    ])
  })
})

describe('a verification', () => {
  const untyped = (value: unknown) => value as never

  test.each([
    [
      'of a transactional step',
      () => defineSaga('odd', { version: 1, input }).transactionalStep('charge', untyped(charge)),
      'charge.verify',
    ],
    [
      'that is no function',
      () => defineSaga('odd', { version: 1, input }).step('charge', { ...charge, verify: untyped('find') }),
      'charge.verify',
    ],
    [
      'with an odd policy',
      () =>
        defineSaga('odd', { version: 1, input }).step('charge', {
          ...charge,
          verify: { run: charge.verify, retry: { maxAttempts: 0 } },
        }),
      'charge.verify.retry',
    ],
  ])('%s is refused, and says where', (_what, define, at) => {
    expect(define).toThrow(
      expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining(`At ${at}:`) }),
    )
  })
})
