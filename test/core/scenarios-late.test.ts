/** Late effects and verifications, one example each. */
import { describe, expect, test } from 'vitest'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { ERROR, Given, LIMITS } from './support/given.ts'

const rejected = { verdict: 'rejected' as const }

/** An attempt of `step` whose worker is lost, and the report that it makes in the end. */
function hangs(saga: Given, step: string) {
  const delivery = saga.delivery(step)
  saga.isLost(step)
  return { type: 'succeeded' as const, ...delivery }
}

describe('a late effect', () => {
  const one = blueprintOf([aStep('one'), aStep('two')])

  test('is covered by the repetition while the step may still complete', () => {
    const saga = new Given(one)
    const late = hangs(saga, 'one')
    expect(saga.when(late).story).toEqual(['late_report one'])
    expect(saga.when(late).ignored).toEqual({ reason: 'duplicate' })
    expect(saga.succeeds('one').step('one').maybeApplied).toBeUndefined()
  })

  test('is undone in a round of its own when the step had been undone', () => {
    const saga = new Given(one)
    const late = hangs(saga, 'one')
    saga.fails('one', 'action', rejected).succeeds('one', 'compensation')
    expect(saga.summary).toBe('compensated')
    saga.when(late)
    expect(saga.story).toEqual(['late_report one', 'late_effect_found one', 'attempt_scheduled one'])
    expect(saga.events.at(-1)).toMatchObject({ side: 'compensation', round: 2, attempt: 2 })
    expect(saga.succeeds('one', 'compensation').events[0]).toMatchObject({ type: 'step_compensated', round: 2 })
    expect(saga.summary).toBe('compensated')
  })

  test('that comes while the step is being undone, or after that failed, makes one more round', () => {
    const saga = new Given(one)
    const late = hangs(saga, 'one')
    saga.fails('one', 'action', rejected).when(late).succeeds('one', 'compensation')
    expect(saga.events.at(-1)).toMatchObject({ type: 'attempt_scheduled', round: 2 })
    const failed = new Given(one)
    const lateToo = hangs(failed, 'one')
    failed.fails('one', 'action', rejected).fails('one', 'compensation').when(lateToo)
    expect(failed.ordered('retry').succeeds('one', 'compensation').events.at(-1)).toMatchObject({ round: 2 })
  })

  test('that nothing undoes is a dead letter, which only a person can settle', () => {
    const saga = new Given(blueprintOf([aStep('mail', { compensation: false, verify: true })]))
    const late = hangs(saga, 'mail')
    // Asked before the repetition, and again after it: not applied, so far.
    saga.succeeds('mail', 'verify', { found: 'not_applied' }).fails('mail', 'action', rejected)
    expect(saga.summary).toBe('compensated')
    expect(saga.when(late).story).toEqual(['late_report mail', 'late_effect_found mail', 'saga_dead_lettered mail'])
    expect(saga.ordered('retry').ignored).toEqual({ reason: 'does_not_fit', fits: ['resolve'] })
    expect(saga.resolved().summary).toBe('resolved')
  })

  test('that nothing undoes is no case for a retry either when the last hook was on its way', () => {
    const steps = [aStep('mail', { compensation: false, verify: true })]
    const saga = new Given(blueprintOf(steps, ['compensated']))
    const late = hangs(saga, 'mail')
    saga.succeeds('mail', 'verify', { found: 'not_applied' }).fails('mail', 'action', rejected).when(late)
    saga.isGivenBack('@compensated', 'code')
    expect(saga.summary).toBe('dead_lettered: late_effect mail')
    expect(saga.ordered('retry').ignored).toEqual({ reason: 'does_not_fit', fits: ['resolve'] })
  })

  test('in a dead letter of that kind leaves a retry to undo what else comes late', () => {
    const verified = [aStep('one', { verify: true }), aStep('mail', { compensation: false, verify: true })]
    const saga = new Given(blueprintOf(verified))
    const first = hangs(saga, 'one')
    saga.succeeds('one', 'verify', { found: 'not_applied' }).succeeds('one')
    const mail = hangs(saga, 'mail')
    saga
      .succeeds('mail', 'verify', { found: 'not_applied' })
      .fails('mail', 'action', rejected)
      .succeeds('one', 'compensation')
    saga.when(mail).when(first)
    expect(saga.summary).toBe('dead_lettered: late_effect mail')
    expect(saga.ordered('retry').attempts.at(-1)).toBe('compensation one')
    expect(saga.succeeds('one', 'compensation').summary).toBe('dead_lettered: late_effect mail')
  })

  test('puts a step back behind the one that is being undone, which comes to its end first', () => {
    const saga = new Given(one).succeeds('one')
    const late = hangs(saga, 'two')
    saga.fails('two', 'action', rejected).succeeds('two', 'compensation').when(late)
    expect(saga.attempts.at(-1)).toBe('compensation one')
    expect(saga.succeeds('one', 'compensation').attempts.at(-1)).toBe('compensation two')
  })

  test('keeps a step that waits for its next try waiting for its turn', () => {
    const saga = new Given(one).succeeds('one')
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    const late = hangs(saga, 'two')
    saga.fails('two', 'action', rejected).succeeds('two', 'compensation').fails('one', 'compensation').when(late)
    expect(saga.attempts.at(-1)).toBe('compensation two')
    expect(saga.isDue('one', 'compensation').ignored).toEqual({ reason: 'not_due' })
    expect(saga.succeeds('two', 'compensation').attempts.at(-1)).toBe('compensation one')
  })

  test('is undone before the last hook has its next try', () => {
    const saga = new Given(blueprintOf([aStep('one'), aStep('two')], ['compensated'])).succeeds('one')
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    const late = hangs(saga, 'two')
    saga.fails('two', 'action', rejected).succeeds('two', 'compensation').succeeds('one', 'compensation')
    saga.fails('@compensated', 'action', { verdict: 'not_applied' }).when(late)
    expect(saga.attempts.at(-1)).toBe('compensation two')
    expect(saga.isDue('@compensated').ignored).toEqual({ reason: 'not_due' })
    expect(saga.succeeds('two', 'compensation').attempts.at(-1)).toBe('@compensated')
    expect(saga.succeeds('@compensated').summary).toBe('compensated')
  })

  test('of a step that ended not applied in a dead letter makes it a step in doubt', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    const late = hangs(saga, 'one')
    saga.succeeds('one', 'verify', { found: 'not_applied' }).fails('one', 'action', { verdict: 'not_applied' })
    expect(saga.step('one').state).toBe('failed')
    expect(saga.when(late).step('one').state).toBe('in_doubt')
    expect(saga.summary).toBe('dead_lettered: forward_exhausted one')
  })

  test('is not found in the repeated word that an attempt ran out of time, which leaves it open', () => {
    const saga = new Given(one)
    const delivery = saga.delivery('one')
    const timeout = {
      type: 'failed' as const,
      ...delivery,
      verdict: 'in_doubt' as const,
      error: ERROR,
      retryDelayMs: 1,
      timedOut: true as const,
    }
    saga.when(timeout)
    expect(saga.when(timeout).ignored).toEqual({ reason: 'duplicate' })
    saga.succeeds('one', 'compensation').when({ type: 'succeeded', ...delivery })
    expect(saga.events[1]).toEqual({ type: 'late_effect_found', step: 'one', round: 2 })
  })

  test('of a delivery that was overtaken by another of the same job is noted once', () => {
    const saga = new Given(one)
    const early = { type: 'succeeded' as const, ...saga.delivery('one'), superseded: true as const }
    expect(saga.when(early).story).toEqual(['attempt_lost one', 'late_report one'])
    expect(saga.when(early).ignored).toEqual({ reason: 'duplicate' })
    saga.when({ type: 'succeeded', ...saga.delivery('one'), insertedAs: 1, retryCount: 1 })
    expect(saga.story[0]).toBe('step_completed one')
    expect(saga.step('one').action.attempts).toBe(2)
  })
})

describe('a late failure in doubt', () => {
  const IN_DOUBT = { verdict: 'in_doubt' as const, error: ERROR, retryDelayMs: 1 }
  /** Ended as not applied by a verification, while an attempt still hung. */
  const refuted = (compensation = true) => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true, compensation }), aStep('two')]))
    const late = { ...hangs(saga, 'one'), ...IN_DOUBT, type: 'failed' as const }
    saga.succeeds('one', 'verify', { found: 'not_applied' }).fails('one', 'action', rejected)
    expect([saga.summary, saga.step('one').state]).toEqual(['compensated', 'failed'])
    return { saga, late }
  }

  test('opens the question again: it is verified, and undone in a round of its own as in doubt', () => {
    const { saga, late } = refuted()
    expect(saga.when(late).story).toEqual(['late_report one', 'late_effect_found one', 'attempt_scheduled one'])
    expect(saga.events[0]).toMatchObject({ outcome: 'failed', verdict: 'in_doubt' })
    expect(saga.step('one')).toMatchObject({ state: 'in_doubt', maybeApplied: true })
    saga.succeeds('one', 'verify', { found: 'unknown' })
    expect(saga.events.at(-1)).toMatchObject({ side: 'compensation', round: 2 })
    expect(saga.step('one').maybeApplied).toBe(true)
    expect(saga.succeeds('one', 'compensation').summary).toBe('compensated')
  })

  test('says so where nothing undoes it', () => {
    const { saga, late } = refuted(false)
    saga.when(late).succeeds('one', 'verify', { found: 'unknown' })
    expect(saga.events.at(-1)).toEqual({ type: 'saga_compensated', leftInDoubt: ['one'] })
  })

  test('changes nothing where the failure says that nothing was applied, or the step is undone', () => {
    const { saga, late } = refuted()
    expect(saga.when({ ...late, verdict: 'not_applied' }).story).toEqual(['late_report one'])
    const undone = new Given(blueprintOf([aStep('one'), aStep('two')]))
    const lateToo = { ...hangs(undone, 'one'), ...IN_DOUBT, type: 'failed' as const }
    undone.fails('one', 'action', rejected).succeeds('one', 'compensation').when(lateToo)
    expect([undone.story, undone.step('one').maybeApplied]).toEqual([['late_report one'], undefined])
  })

  test('of an earlier attempt leaves the step in doubt, whatever the later one says', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    const late = { ...hangs(saga, 'one'), ...IN_DOUBT, type: 'failed' as const }
    saga.succeeds('one', 'verify', { found: 'not_applied' }).when(late)
    expect(saga.step('one')).toMatchObject({ state: 'running', maybeApplied: true })
    expect(saga.fails('one', 'action', rejected).attempts.at(-1)).toBe('verify one')
  })

  test('makes a verification that is under way count for nothing', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    saga.limits = { ...LIMITS, maxLost: 1 }
    const late = { ...hangs(saga, 'one'), ...IN_DOUBT, type: 'failed' as const }
    saga.when(late).succeeds('one', 'verify', { found: 'not_applied' })
    expect(saga.attempts.at(-1)).toBe('compensation one')
  })

  test('makes a dead letter that waits for a person one in doubt', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    const late = { ...hangs(saga, 'one'), ...IN_DOUBT, type: 'failed' as const }
    saga.succeeds('one', 'verify', { found: 'not_applied' }).fails('one', 'action', { verdict: 'not_applied' })
    expect(saga.when(late).step('one')).toMatchObject({ state: 'in_doubt', maybeApplied: true })
  })
})

describe('a step that is to be undone only when it has completed', () => {
  const only = blueprintOf([aStep('zero'), aStep('one', { compensateWhen: 'completed' })])

  test('is undone in a round of its own when its success comes after it was left in doubt', () => {
    const saga = new Given(only).succeeds('zero')
    const late = hangs(saga, 'one')
    saga.fails('one').succeeds('zero', 'compensation')
    expect(saga.events.at(-1)).toEqual({ type: 'saga_compensated', leftInDoubt: ['one'] })
    expect(saga.when(late).attempts.at(-1)).toBe('compensation one')
    expect(saga.succeeds('one', 'compensation').step('one').state).toBe('compensated')
  })

  test('is undone with the others when its success came before', () => {
    const saga = new Given(only).succeeds('zero')
    const late = hangs(saga, 'one')
    expect(saga.when(late).fails('one').attempts.at(-1)).toBe('compensation one')
  })

  test('stays left where nothing can undo it', () => {
    const saga = new Given(blueprintOf([aStep('one', { compensation: false })]))
    const late = hangs(saga, 'one')
    saga.fails('one')
    expect([saga.when(late).story, saga.step('one').state]).toEqual([['late_report one'], 'left_in_doubt'])
  })
})

describe('a verification', () => {
  const verified = blueprintOf([aStep('one', { verify: true }), aStep('two')])

  test('that finds the effect completes the step', () => {
    const saga = new Given(verified).fails('one')
    expect(saga.attempts).toEqual(['one', 'verify one'])
    expect(saga.succeeds('one', 'verify', { found: 'applied' }).attempts.at(-1)).toBe('two')
  })

  test('that finds nothing ends the step as not applied when its attempts are used up, and repeats it else', () => {
    const saga = new Given(verified).fails('one').succeeds('one', 'verify', { found: 'not_applied' })
    expect(saga.summary).toBe('compensated')
    expect(saga.step('one').state).toBe('failed')
    const again = new Given(verified)
    again.limits = { ...LIMITS, maxAttempts: 2 }
    again.fails('one').isDue('one').succeeds('one', 'verify', { found: 'not_applied' })
    expect(again.attempts).toEqual(['one', 'verify one', 'one'])
  })

  test('that cannot tell leaves the doubt, which is undone; and its own errors are not the first error', () => {
    const saga = new Given(verified)
      .fails('one')
      .fails('one', 'verify', { error: { name: 'Error', message: 'no idea' } })
    expect(saga.attempts.at(-1)).toBe('compensation one')
    expect(saga.state.failure).toEqual({ step: 'one', error: ERROR })
  })

  test('that finds nothing leaves a refusal what it was: no person is asked', () => {
    const saga = new Given(blueprintOf([aStep('zero'), aStep('one', { verify: true })])).succeeds('zero')
    saga.limits = { maxAttempts: 3, maxLost: 3, whenExhausted: 'dead_letter' }
    saga.fails('one').isDue('one').succeeds('one', 'verify', { found: 'unknown' }).fails('one', 'action', rejected)
    expect(saga.attempts.at(-1)).toBe('verify one')
    expect(saga.succeeds('one', 'verify', { found: 'not_applied' }).attempts.at(-1)).toBe('compensation zero')
    // The word of an earlier attempt is not that of the last one.
    const again = new Given(blueprintOf([aStep('one', { verify: true })]))
    again.limits = { maxAttempts: 1, maxLost: 3, whenExhausted: 'dead_letter' }
    again.fails('one').succeeds('one', 'verify', { found: 'not_applied' })
    expect(again.summary).toBe('dead_lettered: forward_exhausted one')
  })

  test('has its own limit for each doubt', () => {
    const saga = new Given(verified)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga
      .fails('one')
      .isDue('one')
      .fails('one', 'verify')
      .isDue('one', 'verify')
      .succeeds('one', 'verify', { found: 'unknown' })
    saga.fails('one').fails('one', 'verify')
    expect(saga.step('one').verify?.due).toBeDefined()
  })

  test('does not count when the effect is reported while it is under way', () => {
    const saga = new Given(verified)
    const late = hangs(saga, 'one')
    saga.when(late).succeeds('one', 'verify', { found: 'not_applied' })
    expect(saga.events[0]).toMatchObject({ type: 'step_verified', outcome: 'unknown' })
    expect(saga.step('one').maybeApplied).toBe(true)
  })
})
