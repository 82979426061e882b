/** What people do: holds, pauses, retries, dead letters, plans, and refusals that say what would fit. */
import { describe, expect, test } from 'vitest'
import { admit } from '../../src/engine/core/admit.ts'
import { replay } from '../../src/engine/core/evolve.ts'
import { waitOf } from '../../src/engine/core/state.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'
import { ACT } from './support/world.ts'

const two = blueprintOf([aStep('one'), aStep('two')])
const rejected = { verdict: 'rejected' as const }
const patient = { ...LIMITS, whenExhausted: 'dead_letter' as const }

describe('a hold', () => {
  test('withholds what is next, keeps what waits, and lets it go when it is released', () => {
    const saga = new Given(two)
    saga.holds = [{ step: 'two' }]
    expect(saga.succeeds('one').story).toEqual(['step_completed one', 'step_withheld two'])
    expect(waitOf(saga.state)).toBe('hold')
    saga.holds = []
    expect(saga.when({ type: 'hold_released' }).story).toEqual(['hold_released', 'attempt_scheduled two'])
    expect(saga.when({ type: 'hold_released' }).ignored).toEqual({ reason: 'not_due' })
  })

  test('that lets go is passed by what comes now, and keeps what has waited for its turn', () => {
    const saga = new Given(
      blueprintOf([{ node: 'parallel', name: 'group', lanes: [[aStep('one')], [aStep('two'), aStep('three')]] }]),
    )
    saga.holds = [{ step: 'one' }, { step: 'three' }]
    saga.isGivenBack('one', 'hold')
    saga.holds = [
      { step: 'one', lettingGo: true },
      { step: 'three', lettingGo: true },
    ]
    expect(saga.succeeds('two').story).toEqual(['step_completed two', 'attempt_scheduled three'])
    expect(admit(saga.blueprint, saga.state, saga.delivery('three'), saga.holds)).toBe('execute')
    expect(saga.step('one').action).toMatchObject({ withheld: 'hold' })
    expect(saga.when({ type: 'hold_released' }).story).toEqual(['hold_released', 'attempt_scheduled one'])
  })

  test('on one direction leaves the other alone', () => {
    const saga = new Given(two)
    saga.holds = [{ side: 'compensation' }]
    saga.succeeds('one').fails('two', 'action', rejected)
    expect(saga.story.at(-1)).toBe('step_withheld one')
    expect(saga.when({ type: 'hold_released' }).story).toEqual(['hold_released', 'step_withheld one'])
  })

  test('gives back a job that is delivered under it, without using up an attempt', () => {
    const saga = new Given(two)
    saga.holds = [{}]
    expect(admit(two, saga.state, saga.delivery('one'), saga.holds)).toBe('hold')
    saga.isGivenBack('one', 'hold')
    expect(saga.step('one').action).toMatchObject({ attempts: 1, failures: 0, withheld: 'hold' })
    saga.holds = []
    expect(saga.when({ type: 'hold_released' }).events.at(-1)).toMatchObject({ type: 'attempt_scheduled', attempt: 2 })
  })

  test('over a retry that is due keeps it until it is released', () => {
    const saga = new Given(two)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one', 'action', { verdict: 'not_applied' })
    saga.holds = [{ step: 'one' }]
    expect(saga.isDue('one').story).toEqual(['step_withheld one'])
    expect(saga.step('one').action.due).toBeUndefined()
  })
})

describe('a pause', () => {
  test('lets what runs come to its end, starts nothing, and ends with a resume', () => {
    const saga = new Given(two).ordered('pause').succeeds('one')
    expect(saga.story.at(-1)).toBe('step_withheld two')
    expect(saga.ordered('pause').ignored).toEqual({
      reason: 'already_so',
      fits: ['cancel', 'compensate', 'resume', 'complete'],
    })
    expect(saga.ordered('resume').story).toEqual(['saga_resumed', 'attempt_scheduled two'])
    expect(saga.ordered('resume').ignored?.reason).toBe('does_not_fit')
  })

  test('is over when the saga is', () => {
    const saga = new Given(blueprintOf([aStep('one')])).ordered('pause').succeeds('one')
    expect(saga.summary).toBe('completed')
    expect(saga.state.paused).toBeUndefined()
  })

  test('does not keep a saga that turned from draining', () => {
    const saga = new Given(two).ordered('pause').ordered('cancel')
    expect(admit(two, saga.state, saga.delivery('one'), [])).toBe('turned')
  })
})

describe('a delivery', () => {
  test('is stale when the state names another job, or a later delivery of this one', () => {
    const saga = new Given(two)
    const first = saga.delivery('one')
    expect(admit(two, saga.state, first, [])).toBe('execute')
    expect(admit(two, saga.state, { ...first, jobId: 'other' }, [])).toBe('stale')
    saga.when({ type: 'succeeded', ...first, superseded: true })
    expect(admit(two, saga.state, first, [])).toBe('stale')
    expect(admit(two, saga.state, { ...first, retryCount: 1 }, [])).toBe('execute')
  })

  test('rule 4: of an earlier job settles nothing, even when it counts as many attempts', () => {
    const saga = new Given(two)
    const earlier = saga.delivery('one')
    saga.isLost('one')
    const inFlight = saga.delivery('one')
    expect(saga.when({ type: 'succeeded', ...earlier, retryCount: 1 }).ignored).toEqual({ reason: 'duplicate' })
    expect(saga.delivery('one')).toEqual(inFlight)
  })

  test('of the pivot is given back when a cancel waits for it and it cannot have run', () => {
    const pivot = blueprintOf([aStep('one', { pivot: true })])
    const saga = new Given(pivot).ordered('cancel')
    expect(admit(pivot, saga.state, saga.delivery('one'), [])).toBe('turned')
    expect(admit(pivot, saga.state, { ...saga.delivery('one'), retryCount: 1 }, [])).toBe('execute')
  })
})

describe('a saga without code', () => {
  const lanes = [[aStep('a')], [aStep('b')]]
  const group = blueprintOf([{ node: 'parallel', name: 'both', lanes }])

  test('waits, is a dead letter when nobody knows it, and goes on by itself when somebody does', () => {
    const saga = new Given(two).isGivenBack('one', 'code')
    expect(saga.commands.at(-1)).toEqual({ type: 'set_timer', timer: 'one:action', dueAt: 1_500 })
    expect(waitOf(saga.state)).toBe('code')
    expect(saga.when({ type: 'code_missing', step: 'one' }).story).toEqual([
      'saga_stopping one',
      'saga_dead_lettered one',
    ])
    expect(saga.when({ type: 'code_found' }).story).toEqual(['code_found', 'attempt_scheduled one'])
    expect(saga.commands.at(-2)).toMatchObject({ type: 'remove_dead_letter' })
    expect(saga.when({ type: 'code_found' }).ignored).toEqual({ reason: 'not_due' })
  })

  test('lacks nothing while it is paused: who paused it decides when it goes on', () => {
    const saga = new Given(two).isGivenBack('one', 'code').ordered('pause')
    expect(saga.when({ type: 'code_missing', step: 'one' }).ignored).toEqual({ reason: 'not_due' })
    saga.ordered('resume')
    expect(saga.when({ type: 'code_missing', step: 'one' }).state.deadLetter).toMatchObject({ reason: 'no_code' })
  })

  test('goes on as well when a person says so', () => {
    const saga = new Given(two).isGivenBack('one', 'code').when({ type: 'code_missing', step: 'one' })
    expect(saga.ordered('retry').attempts).toEqual(['one', 'one'])
  })

  test('rule 11: goes on when a person says so where only the verification was missing', () => {
    const verifiable = blueprintOf([aStep('one', { verify: true })])
    const saga = new Given(verifiable)
    saga.limits = { ...LIMITS, maxAttempts: 3 }
    saga.fails('one').isDue('one').isGivenBack('one', 'code', 'verify').when({ type: 'code_missing', step: 'one' })
    expect(saga.summary).toBe('dead_lettered: no_code one')
    expect(saga.ordered('retry').attempts).toEqual(['one', 'verify one', 'verify one'])
    expect(saga.events[0]).toMatchObject({ type: 'saga_retried', steps: ['one'] })
  })

  test('whose code is found while something still runs does not become a dead letter after all', () => {
    const saga = new Given(group).isGivenBack('a', 'code').when({ type: 'code_missing', step: 'a' })
    expect(saga.state.stopping?.reason).toBe('no_code')
    expect(saga.ordered('retry').ignored?.reason).toBe('does_not_fit')
    expect(saga.when({ type: 'code_found' }).attempts.at(-1)).toBe('a')
    expect(saga.succeeds('b').summary).toBe('running')
  })

  test('does not try again by itself what has come to its end meanwhile', () => {
    const saga = new Given(group).isGivenBack('a', 'code').when({ type: 'code_missing', step: 'a' })
    saga.limits = patient
    expect(saga.fails('b', 'action', { verdict: 'not_applied' }).summary).toBe('dead_lettered: no_code a')
    expect(saga.when({ type: 'code_found' }).summary).toBe('dead_lettered: forward_exhausted b')
    expect(saga.attempts).toEqual(['a', 'b'])
    expect(saga.ordered('retry').attempts).toEqual(['a', 'b', 'a', 'b'])
  })

  test('that nobody has adopted yet has no hooks, then and in the replay', () => {
    const hooked = blueprintOf([aStep('one')], ['dead_lettered'])
    const saga = new Given(hooked, { blueprint: null })
      .isGivenBack('@adopt', 'code')
      .when({ type: 'code_missing', step: '@adopt' })
    expect(saga.attempts).toEqual(['@adopt'])
    expect(replay(hooked, saga.journal)?.steps['@dead-lettered']).toBeUndefined()
  })
})

describe('a dead letter', () => {
  const exhausted = () => {
    const saga = new Given(two).succeeds('one')
    saga.limits = patient
    return saga.fails('two', 'action', { verdict: 'not_applied' })
  }

  test('of a step whose author asked to wait for a person goes on, or back', () => {
    expect(exhausted().summary).toBe('dead_lettered: forward_exhausted two')
    const again = exhausted().ordered('retry')
    expect(again.step('two').action).toMatchObject({ attempts: 2, failures: 0 })
    expect(again.succeeds('two').summary).toBe('completed')
    expect(exhausted().ordered('compensate').succeeds('one', 'compensation').summary).toBe('compensated')
  })

  test('is refused by its author’s wish only, not when the step is refused for good', () => {
    const saga = new Given(two).succeeds('one')
    saga.limits = patient
    expect(saga.fails('two', 'action', rejected).attempts.at(-1)).toBe('compensation one')
  })

  test('waits until nothing is in flight', () => {
    const lanes = [[aStep('a')], [aStep('b')]]
    const saga = new Given(blueprintOf([{ node: 'parallel', name: 'both', lanes }]))
    saga.limits = patient
    expect(saga.fails('a', 'action', { verdict: 'not_applied' }).summary).toBe('running')
    expect(saga.succeeds('b').summary).toBe('dead_lettered: forward_exhausted a')
  })

  test('is resolved by a person, for good, and can be run again as another saga', () => {
    const saga = exhausted().resolved('compensated')
    expect(saga.summary).toBe('resolved')
    expect(saga.ordered('retry').ignored).toEqual({ reason: 'does_not_fit', fits: ['rerun', 'erase'] })
    expect(saga.when({ type: 'rerun', newSagaId: 'saga-2', act: ACT }).story).toEqual(['saga_rerun'])
  })

  test('refuses what does not fit, and names what does', () => {
    const fits = ['retry', 'compensate', 'resolve', 'edit_input', 'complete']
    for (const order of ['cancel', 'pause', 'resume', 'revert'] as const) {
      expect(exhausted().ordered(order).ignored).toEqual({ reason: 'does_not_fit', fits })
    }
    expect(new Given(two).resolved().ignored).toEqual({
      reason: 'does_not_fit',
      fits: ['cancel', 'compensate', 'pause'],
    })
  })
})

describe('a retry of a live saga', () => {
  test('skips the backoff, and only that', () => {
    const saga = new Given(two)
    saga.limits = { ...LIMITS, maxAttempts: 3 }
    expect(saga.ordered('retry').ignored?.reason).toBe('does_not_fit')
    saga.fails('one', 'action', { verdict: 'not_applied' }).ordered('retry')
    expect(saga.story).toEqual(['backoff_skipped one', 'attempt_scheduled one'])
    expect(saga.step('one').action).toMatchObject({ attempts: 2, failures: 1 })
    expect(saga.isDue('one').ignored).toEqual({ reason: 'not_due' })
  })
})

describe('a revert', () => {
  test('undoes a completed saga, and no other', () => {
    const saga = new Given(blueprintOf([aStep('one', { pivot: true })]), { revertWithinMs: 1_000 })
    expect(saga.ordered('revert').ignored?.reason).toBe('does_not_fit')
    expect(saga.succeeds('one').ordered('revert').attempts.at(-1)).toBe('compensation one')
    expect(saga.state.cause).toEqual({ kind: 'revert', actor: 'olga' })
  })

  test('fits for as long as its definition says, and never where it says nothing', () => {
    const late = new Given(blueprintOf([aStep('one')]), { revertWithinMs: 1_000 }).succeeds('one')
    late.now += 1_001
    expect(late.ordered('revert').ignored).toEqual({ reason: 'too_late', fits: [] })
    const never = new Given(blueprintOf([aStep('one')])).succeeds('one')
    expect(never.ordered('revert').ignored?.reason).toBe('does_not_fit')
  })
})
