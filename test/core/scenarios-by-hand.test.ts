/** What a person settles or changes by hand, example by example. */
import { describe, expect, test } from 'vitest'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'
import { ACT } from './support/world.ts'

const two = blueprintOf([aStep('one'), aStep('two')])
const patient = { ...LIMITS, whenExhausted: 'dead_letter' } as const

function exhausted(verdict: 'not_applied' | 'in_doubt' = 'not_applied'): Given {
  const saga = new Given(two).succeeds('one')
  saga.limits = patient
  return saga.fails('two', 'action', { verdict })
}

function completes(saga: Given, step: string): Given {
  return saga.when({ type: 'complete', step, act: ACT })
}

describe('completing a step by hand', () => {
  test('sends a dead letter on, with the step done and no doubt left', () => {
    const saga = completes(exhausted('in_doubt'), 'two')
    expect(saga.story).toEqual(['step_settled_by_hand two', 'saga_retried', 'saga_completed'])
    expect(saga.step('two')).toMatchObject({ state: 'completed', action: { attempts: 1 } })
    expect(saga.step('two').maybeApplied).toBeUndefined()
  })

  test('leaves a dead letter that is stuck with something else where it is', () => {
    const lanes = [[aStep('a')], [aStep('b')]]
    const saga = new Given(blueprintOf([{ node: 'parallel', name: 'both', lanes }]))
    saga.limits = patient
    saga.fails('a', 'action', { verdict: 'not_applied' }).fails('b', 'action', { verdict: 'not_applied' })
    expect(completes(saga, 'a').summary).toBe('dead_lettered: forward_exhausted a')
    expect(completes(saga, 'b').summary).toBe('completed')
  })

  test('of the pivot in doubt means that it is passed, and drops the turn that waited for it', () => {
    const saga = new Given(blueprintOf([aStep('one', { pivot: true }), aStep('two')]))
    saga.fails('one')
    expect(saga.summary).toBe('dead_lettered: pivot_in_doubt one')
    completes(saga, 'one')
    expect(saga.state.pivoted).toBe(true)
    expect(saga.attempts.at(-1)).toBe('two')
  })

  test('of the pivot in doubt drops the turn that was asked for meanwhile', () => {
    const saga = new Given(blueprintOf([aStep('one', { pivot: true }), aStep('two')]))
    saga.ordered('cancel').fails('one')
    expect(saga.state.recorded?.kind).toBe('cancel')
    expect(completes(saga, 'one').story.slice(0, 2)).toEqual(['step_settled_by_hand one', 'turn_dropped'])
    expect(saga.attempts.at(-1)).toBe('two')
  })

  test('waits for the verification that is under way', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one').isDue('one')
    expect(saga.attempts.at(-1)).toBe('verify one')
    expect(completes(saga, 'one').ignored?.reason).toBe('does_not_fit')
  })

  test('spares a step that waits its next attempt', () => {
    const saga = new Given(two)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one', 'action', { verdict: 'not_applied' })
    expect(completes(saga, 'one').attempts.at(-1)).toBe('two')
    expect(saga.isDue('one').ignored).toEqual({ reason: 'not_due' })
  })

  test('going back, settles the undoing that gave up', () => {
    const saga = new Given(two).succeeds('one').fails('two', 'action', { verdict: 'rejected' })
    saga.fails('one', 'compensation')
    expect(saga.summary).toBe('dead_lettered: compensation_exhausted one')
    expect(completes(saga, 'one').summary).toBe('compensated')
    expect(saga.step('one').state).toBe('compensated')
  })

  test('is refused for what is done, under way, unknown, or not a step', () => {
    const reason = (saga: Given, step: string) => completes(saga, step).ignored?.reason
    expect(reason(new Given(two), 'one')).toBe('does_not_fit')
    expect(reason(new Given(two).succeeds('one'), 'one')).toBe('does_not_fit')
    expect(reason(exhausted(), 'three')).toBe('unknown_step')
    expect(reason(exhausted(), '@completed')).toBe('unknown_step')
    expect(reason(exhausted().resolved(), 'two')).toBe('does_not_fit')
  })
})

describe('editing the input', () => {
  const edited = (saga: Given) => saga.when({ type: 'edit_input', act: ACT })

  test('sends a dead letter on under new keys for the steps that were tried and are not done', () => {
    const saga = edited(exhausted())
    expect(saga.story).toEqual(['input_edited', 'saga_retried', 'attempt_scheduled two'])
    expect(saga.state.edits).toBe(1)
    expect(saga.step('two').edit).toBe(1)
    expect(saga.step('one').edit).toBeUndefined()
    saga.fails('two', 'action', { verdict: 'not_applied' })
    expect(edited(saga).step('two').edit).toBe(2)
    expect(saga.succeeds('two').summary).toBe('completed')
  })

  test('is refused while a step is in doubt: its effect would be one of the old input', () => {
    const saga = edited(exhausted('in_doubt'))
    expect(saga.ignored?.reason).toBe('in_doubt')
    expect(saga.ignored?.fits).not.toContain('edit_input')
    expect(edited(completes(saga, 'two')).ignored?.reason).toBe('does_not_fit')
  })

  test('is refused while an attempt may still report late: its effect would stand beside that of the new key (rule 5)', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    saga.limits = patient
    saga.fails('one', 'action', { timedOut: true }).succeeds('one', 'verify', { found: 'not_applied' })
    expect(saga.summary).toBe('dead_lettered: forward_exhausted one')
    expect(edited(saga).ignored?.reason).toBe('in_doubt')
    expect(saga.ordered('retry').attempts.at(-1)).toBe('one')
  })

  test('is refused of a saga that goes back, runs, or is at rest', () => {
    expect(edited(new Given(two)).ignored?.reason).toBe('does_not_fit')
    const back = new Given(two).succeeds('one').fails('two', 'action', { verdict: 'rejected' })
    expect(edited(back.fails('one', 'compensation')).ignored?.reason).toBe('does_not_fit')
    expect(edited(exhausted().resolved()).ignored?.reason).toBe('does_not_fit')
  })
})
