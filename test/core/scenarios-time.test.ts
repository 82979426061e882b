/** Deadlines, and how long a step is tried, through holds, pauses and dead letters. */
import { describe, expect, test } from 'vitest'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'

const two = blueprintOf([aStep('one'), aStep('two')])
const rejected = { verdict: 'rejected' as const }
const patient = { ...LIMITS, whenExhausted: 'dead_letter' as const }

describe('the longest time that a step is tried', () => {
  const DAY = 86_400_000
  const long = { ...LIMITS, maxAttempts: 100, maxDurationMs: DAY }
  const again = { verdict: 'not_applied' as const }

  test('does not run while a hold withholds the next try', () => {
    const saga = new Given(two).succeeds('one').fails('two', 'action', rejected)
    saga.limits = long
    saga.fails('one', 'compensation')
    saga.holds = [{ side: 'compensation' }]
    saga.isDue('one', 'compensation')
    saga.now += 3 * DAY
    saga.holds = []
    saga.when({ type: 'hold_released' }).fails('one', 'compensation', again)
    expect(saga.step('one').compensation?.due).toBe(saga.now + 100)
    saga.isDue('one', 'compensation')
    saga.now += DAY
    expect(saga.fails('one', 'compensation', again).summary).toBe('dead_lettered: compensation_exhausted one')
  })

  test('does not run while a job that was given back waits for a resume', () => {
    const saga = new Given(two)
    saga.limits = long
    saga.fails('one', 'action', again).isDue('one').ordered('pause').isGivenBack('one', 'pause')
    saga.now += 3 * DAY
    saga.ordered('resume').fails('one', 'action', again)
    expect(saga.step('one').action.due).toBe(saga.now + 100)
  })

  test('does not run in a dead letter, neither for the step that lacked code nor for those beside it', () => {
    const lanes = [[aStep('one')], [aStep('two')]]
    const saga = new Given(blueprintOf([{ node: 'parallel', name: 'both', lanes }]))
    saga.limits = long
    saga.fails('one', 'action', again).isDue('one').isGivenBack('one', 'code').fails('two', 'action', again)
    saga.when({ type: 'code_missing', step: 'one' })
    expect(saga.summary).toBe('dead_lettered: no_code one')
    saga.now += 3 * DAY
    saga.when({ type: 'code_found' }).fails('one', 'action', again).fails('two', 'action', again)
    expect([saga.step('one').action.due, saga.step('two').action.due]).toEqual([saga.now + 100, saga.now + 100])
  })
})

describe('a deadline', () => {
  const AT = 5_000
  const timerOf = (saga: Given) => saga.timers.get('@deadline')

  test('comes back with a retry of a dead letter', () => {
    const saga = new Given(two, { deadlineAt: AT })
    saga.limits = patient
    expect(timerOf(saga)).toBe(AT)
    expect(timerOf(saga.fails('one'))).toBeUndefined()
    expect(timerOf(saga.ordered('retry'))).toBe(AT)
    expect(saga.when({ type: 'deadline_due' }).state).toMatchObject({
      status: 'compensating',
      cause: { kind: 'deadline' },
    })
  })

  test('comes back when code is found, and turns at once what has passed it meanwhile', () => {
    const saga = new Given(two, { deadlineAt: AT })
      .isGivenBack('one', 'code')
      .when({ type: 'code_missing', step: 'one' })
    expect(saga.summary).toBe('dead_lettered: no_code one')
    saga.now = AT + 1
    expect(timerOf(saga.when({ type: 'code_found' }))).toBe(AT)
  })

  test('is over with a turn, the pivot, the end, and a resolution', () => {
    const open = () => new Given(blueprintOf([aStep('one', { pivot: true }), aStep('two')]), { deadlineAt: AT })
    expect(open().state.deadlineAt).toBe(AT)
    expect(open().succeeds('one').state.deadlineAt).toBeUndefined()
    const turned = new Given(two, { deadlineAt: AT }).succeeds('one').ordered('cancel')
    expect(turned.state.deadlineAt).toBeUndefined()
    const stuck = turned.fails('two').succeeds('two', 'compensation').fails('one', 'compensation')
    expect(timerOf(stuck.ordered('retry'))).toBeUndefined()
    const done = new Given(two, { deadlineAt: AT }).succeeds('one').succeeds('two')
    expect([done.state.deadlineAt, timerOf(done)]).toEqual([undefined, undefined])
    const settled = new Given(two, { deadlineAt: AT })
    settled.limits = patient
    settled.fails('one').resolved()
    expect([settled.state.deadlineAt, timerOf(settled)]).toEqual([undefined, undefined])
  })
})
