/** Fallbacks and checkpoints, example by example. */
import { describe, expect, test } from 'vitest'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'

const withFallback = blueprintOf([aStep('before'), { ...aStep('card'), fallback: aStep('invoice') }, aStep('after')])

const refused = { verdict: 'rejected', fallsBack: true } as const

function declined(): Given {
  return new Given(withFallback).succeeds('before').fails('card', 'action', refused)
}

describe('a fallback', () => {
  test('runs in the place of a step that failed for a listed reason', () => {
    const saga = declined()
    expect(saga.story).toEqual([
      'attempt_failed card',
      'step_ended card',
      'fallback_taken card',
      'attempt_scheduled invoice',
    ])
    saga.succeeds('invoice').succeeds('after')
    expect(saga.summary).toBe('completed')
    expect(saga.step('card').state).toBe('failed')
  })

  test('is not taken for another reason', () => {
    const saga = new Given(withFallback).succeeds('before').fails('card', 'action', { verdict: 'rejected' })
    expect(saga.attempts.at(-1)).toBe('compensation before')
  })

  test('is not taken while attempts remain', () => {
    const saga = new Given(withFallback).succeeds('before')
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('card', 'action', { verdict: 'not_applied', fallsBack: true })
    expect(saga.isDue('card').attempts.at(-1)).toBe('card')
    expect(saga.fails('card', 'action', { verdict: 'not_applied', fallsBack: true }).attempts.at(-1)).toBe('invoice')
  })

  test('goes by the last error', () => {
    const saga = new Given(withFallback).succeeds('before')
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('card', 'action', { verdict: 'not_applied', fallsBack: true }).isDue('card')
    expect(saga.fails('card', 'action', { verdict: 'rejected' }).attempts.at(-1)).toBe('compensation before')
  })

  test('is not taken from a doubt: the step may have taken effect', () => {
    const saga = new Given(withFallback).succeeds('before').fails('card', 'action', { fallsBack: true })
    expect(saga.attempts.at(-1)).toBe('compensation card')
  })

  test('is taken once a verification has cleared the doubt', () => {
    const verified = blueprintOf([{ ...aStep('card', { verify: true }), fallback: aStep('invoice') }])
    const saga = new Given(verified).fails('card', 'action', { fallsBack: true })
    expect(saga.attempts.at(-1)).toBe('verify card')
    expect(saga.succeeds('card', 'verify', { found: 'not_applied' }).attempts.at(-1)).toBe('invoice')
  })

  test('is undone when a later step fails, and the step that it stood in for is not', () => {
    const saga = declined().succeeds('invoice').fails('after', 'action', { verdict: 'rejected' })
    expect(saga.attempts.at(-1)).toBe('compensation invoice')
    saga.succeeds('invoice', 'compensation').succeeds('before', 'compensation')
    expect(saga.summary).toBe('compensated')
  })

  test('that fails itself turns the saga, with its own error as the first', () => {
    const saga = declined().fails('invoice', 'action', { verdict: 'rejected' })
    expect(saga.state.failure?.step).toBe('invoice')
    expect(saga.attempts.at(-1)).toBe('compensation before')
  })

  test('past the pivot is a way forward', () => {
    const nodes = [aStep('pivot', { pivot: true }), { ...aStep('card'), fallback: aStep('invoice') }]
    const saga = new Given(blueprintOf(nodes)).succeeds('pivot').fails('card', 'action', refused)
    expect(saga.attempts.at(-1)).toBe('invoice')
    expect(saga.succeeds('invoice').summary).toBe('completed')
  })

  test('needs a person when the step turns out to have taken effect after all: both stand', () => {
    const verified = blueprintOf([{ ...aStep('card', { verify: true }), fallback: aStep('invoice') }])
    const saga = new Given(verified)
    const late = saga.delivery('card')
    saga.fails('card', 'action', { timedOut: true, fallsBack: true })
    saga.succeeds('card', 'verify', { found: 'not_applied' })
    saga.when({ type: 'succeeded', ...late })
    expect(saga.succeeds('invoice').summary).toBe('dead_lettered: late_effect card')
    expect(saga.ordered('retry').ignored?.fits).toEqual(['compensate', 'resolve'])
    saga.ordered('compensate').succeeds('invoice', 'compensation')
    saga.succeeds('card', 'verify', { found: 'applied' }).succeeds('card', 'compensation')
    expect(saga.summary).toBe('compensated')
  })

  test('lets a retry take up the fallback, not the step before it', () => {
    const saga = declined()
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    saga.fails('invoice', 'action', { verdict: 'not_applied' })
    expect(saga.summary).toBe('dead_lettered: forward_exhausted invoice')
    expect(saga.ordered('retry').attempts.at(-1)).toBe('invoice')
  })
})

describe('a checkpoint', () => {
  test('is journalled while the attempt runs, and changes nothing else', () => {
    const saga = new Given(blueprintOf([aStep('one')]))
    const before = saga.state
    saga.when({ type: 'checkpoint', ...saga.delivery('one') })
    expect(saga.story).toEqual(['step_checkpointed one'])
    expect(saga.state).toEqual(before)
  })

  test('of an attempt that is not the one in flight is refused', () => {
    const saga = new Given(blueprintOf([aStep('one')]))
    const old = saga.delivery('one')
    saga.limits = { ...LIMITS, maxLost: 3 }
    saga.isLost('one')
    expect(saga.when({ type: 'checkpoint', ...old }).ignored).toEqual({ reason: 'unknown_attempt' })
    expect(saga.when({ type: 'checkpoint', ...saga.delivery('one'), superseded: true }).ignored).toBeDefined()
  })

  test('of a redelivered job says that the deliveries before it are lost', () => {
    const saga = new Given(blueprintOf([aStep('one')]))
    saga.limits = { ...LIMITS, maxLost: 3 }
    saga.when({ type: 'checkpoint', ...saga.delivery('one'), retryCount: 1 })
    expect(saga.story).toEqual(['attempt_lost one', 'step_checkpointed one'])
    expect(saga.events.at(-1)).toMatchObject({ attempt: 2 })
  })
})
