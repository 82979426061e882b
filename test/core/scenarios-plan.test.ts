/** What a retry, a cancel or a compensation would do, as it is shown before it is done. */
import { describe, expect, test } from 'vitest'
import { isPlan, planOf } from '../../src/engine/core/plan.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'

const FACTS = { now: 1_000, newId: () => 'plan', holds: [] }
const rejected = { verdict: 'rejected' as const }
const again = { verdict: 'not_applied' as const }

describe('a plan', () => {
  const plan = (saga: Given, order: 'retry' | 'compensate' | 'cancel', pastPivot = false) =>
    planOf(saga.blueprint, saga.state, order, FACTS, { pastPivot })

  test('of a cancel names what is waited for, what is undone, and what stays', () => {
    const mixed = blueprintOf([
      aStep('one'),
      aStep('mail', { compensation: false }),
      aStep('sure', { verify: true }),
      aStep('last'),
    ])
    const saga = new Given(mixed).succeeds('one').succeeds('mail').succeeds('sure')
    expect(plan(saga, 'cancel')).toEqual({
      order: 'cancel',
      waitsForPivot: false,
      steps: [
        { step: 'last', will: 'finish' },
        { step: 'last', will: 'compensate' },
        { step: 'sure', will: 'compensate' },
        { step: 'mail', will: 'stay_done' },
        { step: 'one', will: 'compensate' },
      ],
    })
  })

  test('says when it waits for the pivot, which it does not undo', () => {
    const pivoted = blueprintOf([aStep('one'), aStep('pivot', { pivot: true })])
    const saga = new Given(pivoted).succeeds('one')
    const steps = [
      { step: 'pivot', will: 'finish' },
      { step: 'one', will: 'compensate' },
    ]
    expect(plan(saga, 'cancel')).toEqual({ order: 'cancel', waitsForPivot: true, steps })
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    expect(plan(saga.fails('pivot'), 'cancel')).toEqual({ order: 'cancel', waitsForPivot: true, steps })
  })

  test('of a retry names the steps that are still to run, and of a compensation what is in doubt', () => {
    const verified = blueprintOf([
      aStep('one'),
      aStep('two', { pivot: true, verify: true }),
      aStep('mail', { compensation: false }),
    ])
    const saga = new Given(verified).succeeds('one').fails('two').succeeds('two', 'verify', { found: 'unknown' })
    expect(plan(saga, 'retry')).toMatchObject({
      steps: [
        { step: 'two', will: 'run' },
        { step: 'mail', will: 'run' },
      ],
    })
    expect(plan(saga, 'compensate')).toMatchObject({ reason: 'needs_admin' })
    expect(plan(saga, 'compensate', true)).toMatchObject({
      steps: [
        // It has been asked, and cannot tell.
        { step: 'two', will: 'compensate' },
        { step: 'one', will: 'compensate' },
      ],
    })
  })

  test('of what opts out of being undone in doubt says that it stays so', () => {
    const saga = new Given(
      blueprintOf([aStep('one', { compensateWhen: 'completed' }), aStep('mail', { compensation: false })]),
    )
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    expect(plan(saga.fails('one'), 'compensate')).toMatchObject({ steps: [{ step: 'one', will: 'stay_in_doubt' }] })
  })

  const steps = (saga: Given, order: 'retry' | 'compensate' | 'cancel', pastPivot = false) => {
    const made = plan(saga, order, pastPivot)
    return isPlan(made) ? made.steps.map(({ step, will }) => `${will} ${step}`) : made.reason
  }

  test('of a retry on the way back leaves what has given up to the dead letter that comes of it', () => {
    const saga = new Given(blueprintOf([aStep('one'), aStep('two'), aStep('three')])).succeeds('one').succeeds('two')
    saga.fails('three', 'action', rejected).fails('two', 'compensation')
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one', 'compensation', again)
    expect(steps(saga, 'retry')).toEqual(['compensate one'])
    saga.isDue('one', 'compensation').fails('one', 'compensation', again)
    expect(saga.summary).toBe('dead_lettered: compensation_exhausted one')
    expect(steps(saga, 'retry')).toEqual(['compensate one', 'compensate two'])
  })

  test('of a retry on the way forward waits for what is in flight, and for children', () => {
    const lanes = [[aStep('one')], [aStep('two')], [aStep('child', { kind: 'child' })]]
    const saga = new Given(blueprintOf([{ node: 'parallel', name: 'all', lanes }, aStep('last')]))
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.succeeds('child').fails('one', 'action', again)
    expect(steps(saga, 'retry')).toEqual(['run one', 'finish two', 'finish child', 'run last'])
  })

  test('of a retry undoes everything at the end where a parent has asked for that', () => {
    const saga = new Given(
      blueprintOf([
        aStep('one'),
        aStep('pivot', { pivot: true }),
        aStep('mail', { compensation: false }),
        aStep('last'),
      ]),
    )
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.succeeds('one').succeeds('pivot').when({ type: 'parent_undo' }).fails('mail', 'action', again)
    expect(steps(saga, 'retry')).toEqual([
      'run mail',
      'run last',
      'compensate last',
      'stay_done mail',
      'compensate pivot',
      'compensate one',
    ])
  })

  test('names the last hook where that is what is left to do', () => {
    const saga = new Given(blueprintOf([aStep('one')], ['completed', 'compensated'])).succeeds('one')
    saga.fails('@completed', 'action', rejected)
    expect(saga.summary).toBe('dead_lettered: hook @completed')
    expect(steps(saga, 'retry')).toEqual(['run @completed'])
    expect(steps(saga, 'compensate')).toEqual(['compensate one'])
    saga.ordered('compensate').succeeds('one', 'compensation').fails('@compensated', 'action', rejected)
    expect(steps(saga, 'retry')).toEqual(['run @compensated'])
  })

  test('says what stays in doubt, though another attempt is in flight', () => {
    const saga = new Given(blueprintOf([aStep('one', { compensateWhen: 'completed' })]))
    expect(steps(saga, 'cancel')).toEqual(['finish one', 'compensate one'])
    saga.isLost('one')
    expect(steps(saga, 'cancel')).toEqual(['finish one', 'stay_in_doubt one'])
    saga.isGivenBack('one', 'code')
    expect(steps(saga, 'cancel')).toEqual(['stay_in_doubt one'])
  })

  test('promises a verification only where one is asked', () => {
    const saga = new Given(blueprintOf([aStep('one', { verify: true })]))
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    saga.fails('one').isGivenBack('one', 'hold', 'verify')
    expect(steps(saga, 'cancel')).toEqual(['verify one'])
    saga.holds = []
    saga.when({ type: 'hold_released' }).succeeds('one', 'verify', { found: 'unknown' })
    expect(saga.summary).toBe('dead_lettered: forward_exhausted one')
    expect(steps(saga, 'retry')).toEqual(['run one'])
    expect(steps(saga, 'compensate')).toEqual(['compensate one'])
    saga.ordered('compensate').fails('one', 'compensation')
    expect(steps(saga, 'retry')).toEqual(['compensate one'])
    // Nor is it asked when a late report makes a doubt of what is being undone.
    const late = new Given(blueprintOf([aStep('one', { verify: true }), aStep('two')]))
    const first = { ...late.delivery('one'), type: 'succeeded' as const }
    late.isLost('one').succeeds('one', 'verify', { found: 'not_applied' }).succeeds('one')
    late.fails('two', 'action', rejected).fails('one', 'compensation').when(first)
    expect(late.step('one')).toMatchObject({ state: 'compensation_failed', maybeApplied: true })
    expect(steps(late, 'retry')).toEqual(['compensate one'])
  })
})
