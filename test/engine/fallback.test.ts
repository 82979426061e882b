/** Fallbacks, checkpoints and aborted siblings, from the builder to the journal. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

type Services = { readonly log: string[] }

const defineSaga = sagasFor<{ services: Services; tx: unknown }>()
const input = z.object({ error: z.string().default(''), end: z.string().default('') })

let database: TestDatabase
let services: Services

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (...definitions: Parameters<typeof startEngine>[1][number][]): Promise<SagaEngine> => {
  services = { log: [] }
  return startEngine(database.connectionString, definitions, { services })
}

const undo = ({ step, services: { log } }: { step: string; services: Services }) => void log.push(`undo ${step}`)

describe('a fallback', () => {
  const pay = defineSaga('pay', { version: 1, input })
    .step('reserve', { action: () => 'goods', compensation: undo })
    .step('card', {
      action: ({ input: { error } }) => {
        if (error === 'declined') throw new StepRejected('Declined.', { code: 'CARD_DECLINED' })
        if (error === 'down') throw new StepNotApplied('Away.', { code: 'PROVIDER_DOWN' })
        if (error !== '') throw new Error(error)
        return { paid: 'card' }
      },
      compensation: undo,
      retry: QUICK,
    })
    .transactionalFallback('invoice', {
      for: ['CARD_DECLINED', 'PROVIDER_DOWN'],
      action: ({ results, services: { log } }) => {
        log.push(`invoice sees ${Object.keys(results).join(' ')}`)
        return { paid: 'later' }
      },
      compensation: undo,
    })
    .step('ship', {
      action: ({ input: { end }, results: { card, invoice } }) => {
        if (end === 'refused') throw new StepRejected('It is not shipped.')
        return `paid by ${(card ?? invoice)?.paid}`
      },
    })

  test('stands in for a step that was refused for a listed reason, with the context as before', async () => {
    const engine = await start(pay)
    const { id } = await engine.enqueue(pay, { error: 'declined' })
    const outcome = await engine.outcome(id, { definition: pay })
    expect(outcome).toEqual({
      status: 'completed',
      results: { reserve: 'goods', invoice: { paid: 'later' }, ship: 'paid by later' },
    })
    expect(services.log).toEqual(['invoice sees reserve'])
    expect((await engine.get(id))?.steps.find(({ name }) => name === 'card')).toMatchObject({
      state: 'failed',
      fellBackOn: 'invoice',
      error: { code: 'CARD_DECLINED' },
    })
  })

  test('waits until the attempts are used up', async () => {
    const engine = await start(pay)
    const { id } = await engine.enqueue(pay, { error: 'down' })
    expect((await engine.outcome(id)).status).toBe('completed')
    expect((await engine.get(id))?.steps.find(({ name }) => name === 'card')?.attempts).toBe(3)
  })

  test('is not needed where the step succeeds', async () => {
    const engine = await start(pay)
    const { id } = await engine.enqueue(pay, {})
    expect(await engine.outcome(id)).toMatchObject({ results: { ship: 'paid by card' } })
    expect(services.log).toEqual([])
  })

  test('is not taken from a doubt: the step is undone like others', async () => {
    const engine = await start(pay)
    const { id } = await engine.enqueue(pay, { error: 'cut off' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', failure: { step: 'card' } })
    expect(services.log).toEqual(['undo card', 'undo reserve'])
  })

  test('is undone when a later step fails, and not the step that it stood in for', async () => {
    const engine = await start(pay)
    const { id } = await engine.enqueue(pay, { error: 'declined', end: 'refused' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['reserve', 'invoice'] })
    expect(services.log).toEqual(['invoice sees reserve', 'undo invoice', 'undo reserve'])
  })

  test('can be asked for by a function', async () => {
    const asked = defineSaga('asked', { version: 1, input })
      .step('one', {
        action: () => {
          throw Object.assign(new StepRejected('No.'), { reason: 'small' })
        },
      })
      .fallback('two', { for: (error) => (error as { reason?: string }).reason === 'small', action: () => 2 })
    const engine = await start(asked)
    const { id } = await engine.enqueue(asked, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { two: 2 } })
  })

  const refuse = (build: () => unknown, problem: RegExp) =>
    expect(build).toThrow(
      expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringMatching(problem) }),
    )
  const base = defineSaga('bad', { version: 1, input })
  const one = { action: () => 1 }

  test('is refused where it cannot stand', () => {
    const wanted = { ...one, for: ['X'] }
    refuse(() => base.fallback('two', wanted), /At two: a fallback belongs right after the step/)
    refuse(() => base.step('one', one).pivot().fallback('two', wanted), /At two: .*is no pivot/)
    refuse(() => base.step('one', one).fallback('two', wanted).fallback('three', wanted), /At three: .*has none yet/)
    refuse(() => base.step('one', one).fallback('two', wanted).pivot(), /At one: a pivot has no fallback/)
    refuse(() => base.step('one', one).fallback('one' as never, wanted), /At one: this name is used twice/)
    refuse(() => base.step('one', one).fallback('two', { ...one, for: [] }), /At two: a fallback needs `for`/)
    refuse(() => base.step('one', one).fallback('two', one as never), /At two: a fallback needs `for`/)
  })
})

describe('a checkpoint', () => {
  test('tells the next attempt and the compensation how far an attempt came', async () => {
    const seen: unknown[] = []
    const upload = defineSaga('upload', { version: 1, input })
      .step('send', {
        action: async ({ attempt, checkpoint, checkpointed }) => {
          seen.push(checkpointed)
          await checkpoint({ part: attempt * 10 })
          await checkpoint({ part: attempt * 10 + 1 })
          if (attempt < 3) throw new StepNotApplied('Cut off.')
          return 'sent'
        },
        compensation: ({ action, checkpointed }) => void seen.push([action.checkpoint, checkpointed]),
        retry: { ...QUICK, maxAttempts: 5 },
      })
      .step('end', {
        action: () => {
          throw new StepRejected('No.')
        },
      })
    const engine = await start(upload)
    const { id } = await engine.enqueue(upload, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(seen).toEqual([undefined, { part: 11 }, { part: 21 }, [{ part: 31 }, undefined]])
    const events = (await engine.journal(id)).filter(({ event }) => event.type === 'step_checkpointed')
    expect(events).toHaveLength(6)
  })

  test('that cannot be stored is an error of the function, and what it was before stays', async () => {
    const errors: unknown[] = []
    const wrong = defineSaga('wrong-checkpoint', { version: 1, input }).step('send', {
      action: async ({ checkpoint }) => {
        for (const value of [undefined, { at: Number.NaN }, 'a\u0000b'])
          await checkpoint(value).catch((e) => errors.push(e.code))
        return 'done'
      },
    })
    const engine = await start(wrong)
    const { id } = await engine.enqueue(wrong, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    expect(errors).toEqual(['PAYLOAD_INVALID', 'PAYLOAD_INVALID', 'PAYLOAD_INVALID'])
  })

  test('of an attempt that was given up is refused, so that its function can stop', async () => {
    const gate = Promise.withResolvers<void>()
    const told = Promise.withResolvers<string>()
    const slow = defineSaga('slow-checkpoint', { version: 1, input }).step('send', {
      timeout: '50ms',
      settleAfter: '10ms',
      retry: { ...QUICK, maxAttempts: 2 },
      action: async ({ attempt, checkpoint }) => {
        if (attempt === 2) return 'done'
        await gate.promise
        await checkpoint(1).catch((error) => told.resolve(error.code))
        return 'late'
      },
    })
    const engine = await start(slow)
    const { id } = await engine.enqueue(slow, {})
    await engine.outcome(id)
    gate.resolve()
    expect(await told.promise).toBe('ATTEMPT_SUPERSEDED')
  })

  test('is there for the compensation too when it comes together with the end of its attempt', async () => {
    const hurried = defineSaga('hurried', { version: 1, input })
      .step('copy', {
        action: ({ checkpoint }) => {
          void checkpoint({ page: 1 })
          return 'copied'
        },
        compensation: ({ action, services: { log } }) => void log.push(JSON.stringify(action.checkpoint ?? 'none')),
      })
      .step('end', { action: () => Promise.reject(new StepRejected('No.')) })
    const engine = await start(hurried)
    const { id } = await engine.enqueue(hurried, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(services.log).toEqual(['{"page":1}'])
  })
})

describe('a parallel group whose siblings are aborted', () => {
  const group = (whenOneFails: 'wait' | 'abort', gate: Promise<void>, failure: Promise<void> = Promise.resolve()) =>
    defineSaga(`group-${whenOneFails}`, { version: 1, input }).parallel(
      'both',
      (both) =>
        both
          .step('long', {
            action: ({ signal, services: { log } }) =>
              new Promise<string>((resolve, reject) => {
                log.push('long begins')
                signal.addEventListener('abort', () => {
                  log.push(`long is told ${(signal.reason as { code: string }).code}`)
                  reject(new StepNotApplied('It had sent nothing yet.'))
                })
                void gate.then(() => resolve('done'))
              }),
            compensation: undo,
          })
          .step('short', {
            action: async ({ services: { log } }) => {
              while (!log.includes('long begins')) await new Promise((resolve) => setImmediate(resolve))
              await failure
              throw new StepRejected('No.')
            },
          }),
      { whenOneFails },
    )

  test('tells them by their signals, and waits for what they say', async () => {
    const definition = group('abort', new Promise(() => {}))
    const engine = await start(definition)
    const { id } = await engine.enqueue(definition, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', failure: { step: 'short' } })
    expect(services.log).toEqual(['long begins', 'long is told SAGA_TURNED'])
  })

  test('waits for them, unless it asks for that', async () => {
    const gate = Promise.withResolvers<void>()
    const definition = group('wait', gate.promise)
    const engine = await start(definition)
    const { id } = await engine.enqueue(definition, {})
    await journalled(engine, id, 'saga_turned')
    gate.resolve()
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['long'] })
    expect(services.log).toEqual(['long begins', 'undo long'])
  })

  test('hears of it also when another worker has turned the saga', async () => {
    const definition = group('abort', new Promise(() => {}))
    services = { log: [] }
    const options = { services, concurrency: 1 }
    const engine = await startEngine(database.connectionString, [definition], options)
    await startEngine(database.connectionString, [definition], options)
    const { id } = await engine.enqueue(definition, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(services.log).toContain('long is told SAGA_TURNED')
  })

  test('lets what is undone come to its end, however long that takes', async () => {
    const gate = Promise.withResolvers<void>()
    const definition = defineSaga('long-undo', { version: 1, input })
      .parallel(
        'both',
        (both) =>
          both.step('near', { action: () => 1 }).step('far', {
            action: () => 2,
            compensation: ({ signal, services: { log } }) =>
              new Promise<void>((resolve, reject) => {
                log.push('undoing far')
                void gate.promise.then(resolve)
                signal.addEventListener('abort', () => {
                  log.push('cut off')
                  reject(new StepRejected('It was cut off.'))
                })
              }),
          }),
        { whenOneFails: 'abort' },
      )
      .step('end', { action: () => Promise.reject(new StepRejected('No.')) })
    const other = group('abort', new Promise(() => {}), new Promise(() => {}))
    const engine = await start(definition, other)
    const { id } = await engine.enqueue(definition, {})
    await until('far is being undone', async () => services.log.includes('undoing far'))
    // Turned from outside: the worker finds it when it looks for sagas that others have turned, the one above among them.
    const turned = await engine.enqueue(other, {})
    await until('it has begun', async () => services.log.includes('long begins'))
    await engine.operator.cancel(turned.id, { actor: 'ada', reason: 'a test' })
    await until('it has been told', async () => services.log.includes('long is told SAGA_TURNED'))
    gate.resolve()
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['far'] })
    expect(services.log).not.toContain('cut off')
  })

  test('is refused with another word', () => {
    const build = () =>
      defineSaga('bad', { version: 1, input }).parallel('both', (both) => both.step('a', { action: () => 1 }), {
        whenOneFails: 'stop' as never,
      })
    expect(build).toThrow(/At both: whenOneFails is 'wait' or 'abort', not "stop"/)
  })
})
