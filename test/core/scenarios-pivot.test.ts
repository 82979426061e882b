/** The pivot and children, one example each. */
import { describe, expect, test } from 'vitest'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { ERROR, Given, LIMITS } from './support/given.ts'

const pivoted = blueprintOf([aStep('before'), aStep('pivot', { pivot: true }), aStep('after')])
const atPivot = () => new Given(pivoted).succeeds('before')
const rejected = { verdict: 'rejected' as const }

describe('the pivot', () => {
  test('goes back when it is refused', () => {
    expect(atPivot().fails('pivot', 'action', rejected).attempts.at(-1)).toBe('compensation before')
  })

  test('is a dead letter when it is in doubt, and undone by an admin only', () => {
    const saga = atPivot().fails('pivot')
    expect(saga.summary).toBe('dead_lettered: pivot_in_doubt pivot')
    expect(saga.ordered('compensate').ignored).toEqual({
      reason: 'needs_admin',
      fits: ['retry', 'resolve'],
    })
    expect(saga.ordered('cancel').ignored?.reason).toBe('does_not_fit')
    expect(saga.ordered('compensate', true).attempts.at(-1)).toBe('compensation pivot')
  })

  test('waits for a person when it is not applied and its author asked for that', () => {
    const saga = atPivot()
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    saga.fails('pivot', 'action', { verdict: 'not_applied' })
    expect(saga.summary).toBe('dead_lettered: forward_exhausted pivot')
    expect(saga.ordered('retry').succeeds('pivot').attempts.at(-1)).toBe('after')
  })

  test('drops a cancel that came while it was under way when it is applied', () => {
    const saga = atPivot().ordered('cancel')
    expect(saga.story).toEqual(['turn_recorded'])
    expect(saga.ordered('cancel').ignored).toMatchObject({ reason: 'already_so' })
    expect(saga.succeeds('pivot').story).toEqual(['step_completed pivot', 'turn_dropped', 'attempt_scheduled after'])
    expect(saga.ordered('cancel').ignored).toEqual({ reason: 'past_pivot', fits: ['pause'] })
  })

  test('lets a cancel that came while it was under way take effect when it is not applied, retries or not', () => {
    const saga = atPivot()
    saga.limits = { ...LIMITS, maxAttempts: 9 }
    saga.ordered('cancel').fails('pivot', 'action', { verdict: 'not_applied' })
    expect(saga.story).toContain('saga_turned')
    expect(saga.state.cause).toEqual({ kind: 'cancel', actor: 'olga' })
    const returned = atPivot().ordered('cancel').isGivenBack('pivot', 'turned')
    expect(returned.attempts.at(-1)).toBe('compensation before')
  })

  test('keeps a recorded cancel waiting for as long as it is in doubt', () => {
    const saga = atPivot()
    saga.limits = { ...LIMITS, maxAttempts: 3 }
    saga.ordered('cancel').fails('pivot')
    expect(saga.state).toMatchObject({ status: 'running', recorded: { kind: 'cancel' } })
    saga.isDue('pivot').fails('pivot', 'action', { verdict: 'not_applied' })
    expect(saga.state.status).toBe('running')
    expect(saga.isDue('pivot').succeeds('pivot').story).toContain('turn_dropped')
  })

  test('is not under way between two attempts of which the first was not applied', () => {
    const saga = atPivot()
    saga.limits = { ...LIMITS, maxAttempts: 3 }
    expect(saga.fails('pivot', 'action', { verdict: 'not_applied' }).ordered('cancel').story).toContain('saga_turned')
  })

  test('leaves only forward behind it: a dead letter, and a retry that completes', () => {
    const saga = atPivot().succeeds('pivot').fails('after', 'action', rejected)
    expect(saga.summary).toBe('dead_lettered: past_pivot after')
    expect(saga.state.failure).toEqual({ step: 'after', error: ERROR })
    saga.ordered('retry')
    expect(saga.state.failure).toBeUndefined()
    expect(saga.succeeds('after').summary).toBe('completed')
    expect(saga.attempts).not.toContain('compensation before')
  })

  test('and what was done past it is undone when an admin orders it', () => {
    const saga = atPivot().succeeds('pivot').fails('after')
    expect(saga.ordered('compensate').ignored?.reason).toBe('needs_admin')
    saga.ordered('compensate', true).succeeds('after', 'compensation').succeeds('pivot', 'compensation')
    expect(saga.succeeds('before', 'compensation').summary).toBe('compensated')
  })

  test('lets a parent have its undo at the end, whatever it was told meanwhile', () => {
    const saga = atPivot().ordered('cancel').when({ type: 'parent_undo' }).succeeds('pivot')
    expect(saga.state.recorded).toEqual({ kind: 'parent' })
    saga.succeeds('after')
    expect(saga.story).toEqual([
      'step_completed after',
      'saga_completed',
      'saga_turned',
      'undo_started',
      'attempt_scheduled after',
    ])
  })

  test('and a dead letter past it is undone for a parent, whichever of the two comes first', () => {
    const asked = atPivot().succeeds('pivot').when({ type: 'parent_undo' }).fails('after')
    const askedLater = atPivot().succeeds('pivot').fails('after').when({ type: 'parent_undo' })
    for (const saga of [asked, askedLater]) {
      expect(saga.state).toMatchObject({ status: 'compensating', cause: { kind: 'parent' } })
      saga.succeeds('after', 'compensation').succeeds('pivot', 'compensation')
      expect(saga.succeeds('before', 'compensation').summary).toBe('compensated')
    }
    const inDoubt = atPivot().when({ type: 'parent_undo' }).fails('pivot')
    expect(inDoubt.attempts.at(-1)).toBe('compensation pivot')
  })

  test('and so is one whose last hook failed, or that lacks code', () => {
    const steps = [aStep('pivot', { pivot: true }), aStep('after')]
    const hook = new Given(blueprintOf(steps, ['completed'])).succeeds('pivot').succeeds('after')
    hook.when({ type: 'parent_undo' }).fails('@completed', 'action', rejected)
    expect(hook.attempts.at(-1)).toBe('compensation after')
    const code = new Given(blueprintOf(steps)).succeeds('pivot').isGivenBack('after', 'code')
    code.when({ type: 'parent_undo' }).when({ type: 'code_missing', step: 'after' })
    expect(code.attempts.at(-1)).toBe('compensation pivot')
  })

  test('and so is one that a parent asks for while its last attempts come to their end', () => {
    const lanes = [[aStep('left')], [aStep('right')]]
    const saga = new Given(blueprintOf([aStep('pivot', { pivot: true }), { node: 'parallel', name: 'both', lanes }]))
    saga.succeeds('pivot').fails('left', 'action', rejected)
    expect(saga.state.stopping?.reason).toBe('past_pivot')
    saga.when({ type: 'parent_undo' })
    expect(saga.state).toMatchObject({ status: 'compensating', draining: true })
    saga.succeeds('right').succeeds('right', 'compensation').succeeds('pivot', 'compensation')
    expect(saga.summary).toBe('compensated')
  })

  test('of a saga whose code is gone is still in doubt for whoever wants it undone', () => {
    const verified = blueprintOf([aStep('pivot', { pivot: true, verify: true })])
    const saga = new Given(verified).fails('pivot').isGivenBack('pivot', 'code', 'verify')
    saga.when({ type: 'code_missing', step: 'pivot' })
    expect(saga.summary).toBe('dead_lettered: no_code pivot')
    expect(saga.ordered('compensate').ignored?.reason).toBe('needs_admin')
    expect(saga.ordered('retry').attempts.at(-1)).toBe('verify pivot')
  })
})

describe('a child', () => {
  const parent = blueprintOf([aStep('one'), aStep('child', { kind: 'child' }), aStep('two')])
  const withChild = () => new Given(parent).succeeds('one').succeeds('child')

  test('is waited for, and the saga goes on when it is completed', () => {
    const saga = withChild()
    expect(saga.step('child')).toMatchObject({ state: 'waiting', child: { started: true } })
    expect(saga.childEnds('child', 'completed').attempts.at(-1)).toBe('two')
    expect(saga.childEnds('child', 'completed').ignored).toEqual({ reason: 'duplicate' })
    expect(
      saga.when({ type: 'child_ended', step: 'child', childId: 'other', outcome: 'completed', limits: LIMITS }).ignored,
    ).toEqual({
      reason: 'unknown_step',
    })
  })

  test('that was undone turns its parent', () => {
    expect(withChild().childEnds('child', 'compensated').attempts.at(-1)).toBe('compensation one')
  })

  test('that is completed is asked to undo itself, and waited for', () => {
    const saga = withChild().childEnds('child', 'completed').fails('two', 'action', rejected)
    saga.succeeds('child', 'compensation')
    expect(saga.story).toEqual(['child_undo_asked child'])
    expect(saga.childEnds('child', 'compensated').attempts.at(-1)).toBe('compensation one')
  })

  test('that completed before it was asked is not one that cannot be undone', () => {
    const saga = withChild().ordered('cancel').succeeds('child', 'compensation')
    expect(saga.childEnds('child', 'completed').ignored).toEqual({ reason: 'duplicate' })
    expect(saga.childEnds('child', 'compensated').attempts.at(-1)).toBe('compensation one')
  })

  test('that could not be undone is asked again by a retry', () => {
    const saga = withChild().ordered('cancel').succeeds('child', 'compensation').childEnds('child', 'completed', true)
    expect(saga.succeeds('one', 'compensation').summary).toBe('dead_lettered: compensation_exhausted child')
    saga.ordered('retry')
    expect(saga.attempts.at(-1)).toBe('compensation child')
    expect(saga.succeeds('child', 'compensation').childEnds('child', 'compensated').summary).toBe('compensated')
  })

  test('that was undone is the error of its step, whatever kept it from starting before', () => {
    const saga = new Given(parent).succeeds('one')
    saga.limits = { ...LIMITS, maxAttempts: 2, whenExhausted: 'dead_letter' }
    saga.fails('child', 'action', { verdict: 'not_applied' }).isDue('child').succeeds('child')
    expect(saga.step('child').error).toBeUndefined()
    // It was tried: waiting for a person would not help, whatever the policy says.
    saga.childEnds('child', 'compensated')
    expect([saga.state.failure, saga.attempts.at(-1)]).toEqual([undefined, 'compensation one'])
  })

  test('keeps its id over the attempts to start it', () => {
    const saga = new Given(parent).succeeds('one').isLost('child')
    const ids = saga.journal.flatMap((event) =>
      event.type === 'attempt_scheduled' && event.childId !== undefined ? [event.childId] : [],
    )
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })

  test('saga is undone on its parent’s word after it was completed', () => {
    const saga = new Given(blueprintOf([aStep('one')])).succeeds('one').when({ type: 'parent_undo' })
    expect(saga.story).toEqual(['saga_turned', 'undo_started', 'attempt_scheduled one'])
    expect(saga.succeeds('one', 'compensation').summary).toBe('compensated')
    expect(saga.when({ type: 'parent_undo' }).ignored?.reason).toBe('already_so')
  })

  test('saga that is going back already keeps a trace of its parent’s word, to the end', () => {
    const undo = { type: 'parent_undo' as const }
    const saga = new Given(blueprintOf([aStep('one'), aStep('two')])).succeeds('one').fails('two', 'action', rejected)
    expect(saga.state.undoAsked).toBeUndefined()
    expect(saga.when(undo).events).toEqual([{ type: 'turn_recorded', cause: { kind: 'parent' } }])
    expect(saga.when(undo).ignored?.reason).toBe('already_so')
    saga.fails('one', 'compensation').resolved('completed')
    expect(saga.state).toMatchObject({ undoAsked: true, cause: { kind: 'failure', step: 'two' } })

    const stuck = new Given(blueprintOf([aStep('one')])).succeeds('one')
    const late = new Given(blueprintOf([aStep('one')])).fails('one').fails('one', 'compensation')
    expect(stuck.when(undo).state.undoAsked).toBe(true)
    expect(late.when(undo).state).toMatchObject({ status: 'dead_lettered', undoAsked: true })
  })
})
