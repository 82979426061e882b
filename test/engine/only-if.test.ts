/** Compensations that run only where there is something to undo (rule 8). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const defineSaga = sagasFor<{ services: { log: string[] }; tx: unknown }>()
const input = z.object({ gift: z.boolean() })

/** Its predicate is asked again when it fails. */
let asked = 0
const order = defineSaga('order', { version: 1, input })
  .transactionalStep('reserve', {
    action: ({ input: { gift } }) => ({ lines: gift ? 0 : 3 }),
    compensation: {
      run: ({ services, result }) => void services.log.push(`release ${result.lines}`),
      onlyIf: ({ result }) => result.lines > 0,
    },
  })
  .step('charge', {
    action: ({ input: { gift } }) => ({ cents: gift ? 0 : 4200 }),
    compensation: {
      run: ({ services, result }) => void services.log.push(`refund ${result?.cents ?? 'what is there'}`),
      onlyIf: async ({ result }) => {
        asked += 1
        if (asked === 1) throw new Error('Not now.')
        return result === undefined || result.cents > 0
      },
      retry: QUICK,
    },
  })
  .step('ship', { action: () => Promise.reject(new StepRejected('No carrier.')) })

describe('a compensation with a condition', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  test.each([
    [false, ['refund 4200', 'release 3'], []],
    [true, [], ['charge', 'reserve']],
  ])('with a gift (%s) undoes %j, and finds nothing to undo at %j', async (gift, undone, needless) => {
    const log: string[] = []
    asked = 0
    const engine = await startEngine(database.connectionString, [order], { services: { log } })
    const { id } = await engine.enqueue(order, { gift })
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      undone: ['reserve', 'charge'],
      failure: { step: 'ship' },
    })
    expect(log).toEqual(undone)
    expect(asked).toBe(2)
    const events = (await engine.journal(id)).map(({ event }) => event)
    const found = events.flatMap((event) => (event.type === 'step_compensated' && event.needless ? [event.step] : []))
    expect(found).toEqual(needless)
  })

  test('of a class is asked as well, and an answer that is none undoes nothing behind its back', async () => {
    class Refund {
      readonly #log: string[]
      constructor(log: string[]) {
        this.#log = log
      }
      get retry() {
        return { ...QUICK, maxAttempts: 1 }
      }
      run(): void {
        this.#log.push('refunded')
      }
      onlyIf({ input: { gift } }: { readonly input: { readonly gift: boolean } }): boolean {
        this.#log.push('asked')
        return gift ? (1 as never) : false
      }
    }
    const log: string[] = []
    const own = defineSaga('own', { version: 1, input })
      .step('charge', { action: () => 1, compensation: new Refund(log) })
      .step('ship', { action: () => Promise.reject(new StepRejected('No carrier.')) })
    const engine = await startEngine(database.connectionString, [own], { services: { log } })
    const [no, odd] = await Promise.all([engine.enqueue(own, { gift: false }), engine.enqueue(own, { gift: true })])
    expect(await engine.outcome(no.id)).toMatchObject({ status: 'compensated', undone: ['charge'] })
    expect(await engine.outcome(odd.id)).toMatchObject({
      status: 'dead_lettered',
      reason: 'compensation_exhausted',
      notUndone: ['charge'],
    })
    expect(log).toEqual(['asked', 'asked'])
  })

  test('that is no function is refused, and says where', () => {
    const odd = () =>
      defineSaga('odd', { version: 1, input }).step('one', {
        action: () => 1,
        compensation: { run: () => {}, onlyIf: true as never },
      })
    expect(odd).toThrow(
      expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining('At one.compensation:') }),
    )
  })
})
