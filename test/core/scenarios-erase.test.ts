/** Erasing, example by example. */
import { describe, expect, test } from 'vitest'
import { replay } from '../../src/engine/core/evolve.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'
import { withoutMessages } from './support/reading.ts'
import { ACT } from './support/world.ts'

const two = blueprintOf([aStep('one'), aStep('two')])
const rejected = { verdict: 'rejected' as const, error: { name: 'Refused', message: 'Ada has no money', code: 'NO' } }

function undone(): Given {
  return new Given(two).succeeds('one').fails('two', 'action', rejected).succeeds('one', 'compensation')
}

describe('erasing', () => {
  test('takes the messages out of the state, and leaves names and codes', () => {
    const saga = undone().ordered('erase')
    expect(saga.story).toEqual(['saga_erased'])
    const error = { name: 'Refused', message: '(erased)', code: 'NO' }
    expect(saga.state).toMatchObject({ status: 'compensated', erased: true, failure: { step: 'two', error } })
    expect(saga.step('two').error).toEqual(error)
    expect(JSON.stringify(saga.state)).not.toContain('Ada')
    expect(replay(two, withoutMessages(saga.journal))).toEqual(saga.state)
  })

  test('is for sagas at rest: completed, compensated or resolved', () => {
    expect(new Given(two).succeeds('one').succeeds('two').ordered('erase').story).toEqual(['saga_erased'])
    const live = new Given(two).ordered('erase')
    expect(live.ignored).toEqual({ reason: 'does_not_fit', fits: ['cancel', 'compensate', 'pause'] })
    const dead = new Given(two)
    dead.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    dead.fails('one', 'action', { verdict: 'not_applied' }).ordered('erase')
    expect(dead.ignored).toMatchObject({ reason: 'does_not_fit' })
    expect(dead.ignored?.fits).not.toContain('erase')
    expect(dead.resolved('completed').ordered('erase').story).toEqual(['saga_erased'])
  })

  test('waits for the hooks that run beside a status', () => {
    const saga = new Given(blueprintOf([aStep('one')], ['resolved']))
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    saga.fails('one', 'action', { verdict: 'not_applied' }).resolved('completed').ordered('erase')
    expect(saga.ignored).toEqual({ reason: 'finishing', fits: [] })
    expect(saga.succeeds('@resolved').ordered('erase').story).toEqual(['saga_erased'])
  })

  test('is done once, and then nothing is run again or reverted', () => {
    const saga = undone().ordered('erase').ordered('erase')
    expect(saga.ignored).toEqual({ reason: 'already_so', fits: [] })
    expect(saga.when({ type: 'rerun', newSagaId: 'saga-2', act: ACT }).ignored).toEqual({ reason: 'erased', fits: [] })
    const done = new Given(blueprintOf([aStep('one')]), { revertWithinMs: 5_000 }).succeeds('one')
    expect(done.ordered('erase').ordered('revert').ignored).toEqual({ reason: 'erased', fits: [] })
  })

  test('leaves a late effect to a person, if nothing of it can be run', () => {
    const saga = new Given(two)
    const late = { type: 'succeeded' as const, ...saga.delivery('one') }
    saga.isLost('one').fails('one', 'action', rejected).succeeds('one', 'compensation').ordered('erase').when(late)
    expect(saga.story).toEqual(['late_report one', 'late_effect_found one', 'attempt_scheduled one'])
    saga.fails('one', 'compensation', { verdict: 'rejected' })
    expect(saga.summary).toBe('dead_lettered: compensation_exhausted one')
    expect(saga.resolved().state).toMatchObject({ status: 'resolved', erased: true })
  })
})
