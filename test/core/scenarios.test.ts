/** The ways a saga can go, one example each: forward, back, and by hand. */
import { describe, expect, test } from 'vitest'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { ERROR, Given, LIMITS } from './support/given.ts'
import { ACT } from './support/world.ts'

const three = blueprintOf([aStep('one'), aStep('two'), aStep('three')])
const hooked = blueprintOf([aStep('one')], ['completed', 'compensated', 'dead_lettered', 'resolved'])
const LATER = { retryDelayMs: 100 }

describe('a saga that goes forward', () => {
  test('runs its steps one after the other and is completed', () => {
    const saga = new Given(three).succeeds('one').succeeds('two').succeeds('three')
    expect(saga.attempts).toEqual(['one', 'two', 'three'])
    expect(saga.story).toEqual(['step_completed three', 'saga_completed'])
    expect(saga.summary).toBe('completed')
  })

  test('starts the lanes of a group together and goes on when the last one is done', () => {
    const lanes = [[aStep('a1'), aStep('a2')], [aStep('b1')]]
    const saga = new Given(blueprintOf([{ node: 'parallel', name: 'both', lanes }, aStep('after')]))
    expect(saga.attempts).toEqual(['a1', 'b1'])
    expect(saga.succeeds('b1').attempts).toEqual(['a1', 'b1'])
    expect(saga.succeeds('a1').succeeds('a2').attempts).toEqual(['a1', 'b1', 'a2', 'after'])
  })

  test('takes the branch that was chosen, or none', () => {
    const options = { express: [aStep('fly')], normal: [aStep('drive')] }
    const branched = blueprintOf([{ node: 'branch', name: 'ship', options }, aStep('after')])
    expect(new Given(branched).succeeds('ship', 'action', { option: 'normal' }).attempts).toEqual(['ship', 'drive'])
    expect(new Given(branched).succeeds('ship', 'action', { option: null }).attempts).toEqual(['ship', 'after'])
  })

  test('forgets what its chooser failed with once it has chosen', () => {
    const branched = blueprintOf([{ node: 'branch', name: 'ship', options: { express: [aStep('fly')] } }])
    const saga = new Given(branched)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('ship', 'action', { verdict: 'not_applied' }).isDue('ship')
    expect(saga.step('ship')).toMatchObject({ error: { message: 'it broke' }, action: { failures: 1 } })
    saga.succeeds('ship', 'action', { option: 'express' })
    expect(saga.step('ship')).toEqual({
      state: 'completed',
      order: 1,
      round: 1,
      action: { attempts: 2, failures: 0, lost: 0, since: expect.any(Number) },
    })
  })

  test.each(['nope', 'constructor'])(
    'goes back when a chooser chooses %s, which the branch does not have',
    (option) => {
      const branched = blueprintOf([{ node: 'branch', name: 'ship', options: { express: [aStep('fly')] } }])
      const saga = new Given(branched).succeeds('ship', 'action', { option })
      expect(saga.summary).toBe('compensated')
      expect(saga.state.failure).toMatchObject({ step: 'ship', error: { code: 'OPTION_UNKNOWN' } })
    },
  )

  test('waits for its start time', () => {
    const saga = new Given(three, { startAt: 2_000 })
    expect(saga.summary).toBe('pending')
    expect(saga.commands).toEqual([{ type: 'set_timer', timer: '@start', dueAt: 2_000 }])
    expect(saga.when({ type: 'start_due' }).story).toEqual(['saga_begun', 'attempt_scheduled one'])
    expect(saga.when({ type: 'start_due' }).ignored).toEqual({ reason: 'not_due' })
  })

  test('starts at once when its start time has passed', () => {
    expect(new Given(three, { startAt: 1_000 }).attempts).toEqual(['one'])
  })

  test('starts its first step after the others that wait, and goes on before them', () => {
    const saga = new Given(three).succeeds('one').succeeds('two').fails('three', 'action', { verdict: 'rejected' })
    const jobs = saga.commands.flatMap((command) => (command.type === 'insert_job' ? [command.priority] : []))
    expect(jobs).toEqual([0, 1, 1, 2])
  })

  test('begins all lanes of its first group after the others that wait', () => {
    const lanes = [[aStep('a1'), aStep('a2')], [aStep('b1')]]
    const saga = new Given(blueprintOf([{ node: 'parallel', name: 'both', lanes }])).succeeds('a1')
    const jobs = saga.commands.flatMap((command) => (command.type === 'insert_job' ? [command.priority] : []))
    expect(jobs).toEqual([0, 0, 1])
  })

  test('has its blueprint chosen by the first worker when it was started without one', () => {
    const saga = new Given(three, { blueprint: null })
    expect(saga.attempts).toEqual(['@adopt'])
    saga.fails('@adopt', 'action', { verdict: 'rejected', retryDelayMs: 10 }).isDue('@adopt').isLost('@adopt')
    expect(saga.succeeds('@adopt', 'action', { blueprint: 'other' }).attempts).toEqual([
      '@adopt',
      '@adopt',
      '@adopt',
      'one',
    ])
    expect(saga.state.blueprint).toBe('other')
    expect(saga.step('one').order).toBe(1)
  })

  test('rule 10: the first error stays when the last hook fails as well', () => {
    const saga = new Given(blueprintOf([aStep('one')], ['compensated']))
    const first = { name: 'Declined', message: 'the first' }
    saga.fails('one', 'action', { verdict: 'rejected', error: first })
    saga.fails('@compensated', 'action', { verdict: 'rejected', error: { name: 'Error', message: 'the second' } })
    expect(saga.summary).toBe('dead_lettered: hook @compensated')
    expect(saga.state.failure).toEqual({ step: 'one', error: first })
  })

  test('retries after a delay, with the next number, until the attempts are used up', () => {
    const saga = new Given(three)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one', 'action', { verdict: 'not_applied' })
    expect(saga.events).toEqual([
      {
        type: 'attempt_failed',
        step: 'one',
        side: 'action',
        attempt: 1,
        verdict: 'not_applied',
        error: ERROR,
        retryAt: 1_100,
      },
    ])
    expect(saga.when({ type: 'retry_due', step: 'one', side: 'action' }).ignored).toEqual({ reason: 'not_due' })
    expect(saga.isDue('one').story).toEqual(['attempt_scheduled one'])
    expect(saga.fails('one').story).toEqual([
      'attempt_failed one',
      'step_ended one',
      'saga_turned',
      'undo_started',
      'attempt_scheduled one',
    ])
  })

  test('does not retry later than its longest duration after the first attempt', () => {
    const saga = new Given(three)
    saga.limits = { ...LIMITS, maxAttempts: 99, maxDurationMs: 150 }
    saga.fails('one', 'action', { verdict: 'not_applied', ...LATER }).isDue('one')
    expect(saga.fails('one', 'action', { verdict: 'not_applied', ...LATER }).summary).toBe('compensated')
  })

  test('repeats a lost attempt at once, until that is used up too', () => {
    const saga = new Given(three)
    expect(saga.isLost('one').story).toEqual(['attempt_lost one', 'attempt_scheduled one'])
    expect(saga.step('one')).toMatchObject({ maybeApplied: true, action: { attempts: 2, lost: 1, failures: 0 } })
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one').isDue('one')
    expect(saga.isLost('one').story.slice(0, 3)).toEqual(['attempt_lost one', 'step_ended one', 'saga_turned'])
  })
})

describe('a saga that goes back', () => {
  test('undoes two and one when three is refused, and names the first error', () => {
    const saga = new Given(three).succeeds('one').succeeds('two').fails('three', 'action', { verdict: 'rejected' })
    expect(saga.story).toEqual([
      'attempt_failed three',
      'step_ended three',
      'saga_turned',
      'undo_started',
      'attempt_scheduled two',
    ])
    expect(saga.events).toContainEqual({ type: 'undo_started', order: ['two', 'one'] })
    saga.succeeds('two', 'compensation').succeeds('one', 'compensation')
    expect(saga.attempts).toEqual(['one', 'two', 'three', 'compensation two', 'compensation one'])
    expect(saga.summary).toBe('compensated')
    expect(saga.state).toMatchObject({
      failure: { step: 'three', error: ERROR },
      cause: { kind: 'failure', step: 'three' },
    })
  })

  test('undoes a step in doubt as well, but not one that a late attempt refused without a doubt before it', () => {
    expect(new Given(three).fails('one').attempts).toEqual(['one', 'compensation one'])
    const saga = new Given(three).isLost('one').fails('one', 'action', { verdict: 'rejected' })
    expect(saga.attempts).toEqual(['one', 'one', 'compensation one'])
  })

  test('leaves in doubt what nothing undoes, and says so', () => {
    const saga = new Given(blueprintOf([aStep('mail', { compensation: false })])).fails('mail')
    expect(saga.events.at(-1)).toEqual({ type: 'saga_compensated', leftInDoubt: ['mail'] })
    const opted = new Given(blueprintOf([aStep('mail', { compensateWhen: 'completed' })])).fails('mail')
    expect(opted.step('mail').state).toBe('left_in_doubt')
  })

  test('skips what is done and cannot be undone, and goes on behind it', () => {
    const saga = new Given(blueprintOf([aStep('one'), aStep('mail', { compensation: false }), aStep('three')]))
    saga.succeeds('one').succeeds('mail').ordered('cancel').isGivenBack('three', 'turned')
    expect(saga.step('mail').state).toBe('skipped')
    expect(saga.attempts.at(-1)).toBe('compensation one')
  })

  test('drains first when it is cancelled: a success that still arrives is undone like the others', () => {
    const saga = new Given(three).succeeds('one').ordered('cancel')
    expect(saga.story).toEqual(['saga_turned'])
    expect(saga.state).toMatchObject({ status: 'compensating', draining: true })
    expect(saga.succeeds('two').story).toEqual(['step_completed two', 'undo_started', 'attempt_scheduled two'])
    expect(saga.succeeds('two', 'compensation').succeeds('one', 'compensation').summary).toBe('compensated')
  })

  test('records an attempt that is delivered while draining as not applied, and those before it as lost', () => {
    const saga = new Given(three).ordered('cancel')
    saga.when({ type: 'returned', ...saga.delivery('one'), retryCount: 1, why: 'turned' })
    expect(saga.story.slice(0, 3)).toEqual(['attempt_lost one', 'attempt_returned one', 'step_ended one'])
    expect(saga.step('one')).toMatchObject({ maybeApplied: true, action: { attempts: 2 } })
    const untouched = new Given(three).ordered('cancel').isGivenBack('one', 'turned')
    expect(untouched.summary).toBe('compensated')
    expect(untouched.step('one').state).toBe('failed')
  })

  test('waits for all lanes before it undoes any, and then undoes them together', () => {
    const lanes = [[aStep('a')], [aStep('b')], [aStep('c')]]
    const saga = new Given(blueprintOf([aStep('first'), { node: 'parallel', name: 'all', lanes }])).succeeds('first')
    saga.succeeds('a').fails('b', 'action', { verdict: 'rejected' })
    expect(saga.attempts.filter((name) => name.startsWith('compensation'))).toEqual([])
    expect(saga.succeeds('c').attempts.slice(-2)).toEqual(['compensation a', 'compensation c'])
    expect(saga.succeeds('a', 'compensation').attempts.at(-1)).toBe('compensation c')
    expect(saga.succeeds('c', 'compensation').attempts.at(-1)).toBe('compensation first')
  })

  test('goes back at its deadline', () => {
    const saga = new Given(three, { deadlineAt: 5_000 })
    expect(saga.commands[0]).toEqual({ type: 'set_timer', timer: '@deadline', dueAt: 5_000 })
    expect(saga.when({ type: 'deadline_due' }).state.cause).toEqual({ kind: 'deadline' })
    expect(saga.commands).toContainEqual({ type: 'clear_timers' })
  })

  test('is cancelled before its start without having run anything', () => {
    const saga = new Given(three, { startAt: 9_000 }).ordered('cancel')
    expect(saga.attempts).toEqual([])
    expect(saga.summary).toBe('compensated')
  })

  test('still tries the others when one compensation gives up, and says which one it was', () => {
    const saga = new Given(three).succeeds('one').succeeds('two').fails('three', 'action', { verdict: 'rejected' })
    const other = { name: 'Error', message: 'cannot undo' }
    saga.fails('two', 'compensation', { error: other }).succeeds('one', 'compensation')
    expect(saga.summary).toBe('dead_lettered: compensation_exhausted two')
    expect(saga.state.failure).toEqual({ step: 'three', error: ERROR })
    expect(saga.step('one').state).toBe('compensated')
    saga.ordered('retry')
    expect(saga.events[0]).toMatchObject({ type: 'saga_retried', direction: 'backward', steps: ['two'], act: ACT })
    expect(saga.succeeds('two', 'compensation').summary).toBe('compensated')
    expect(saga.commands.filter(({ type }) => type.endsWith('dead_letter')).map(({ type }) => type)).toEqual([
      'insert_dead_letter',
      'remove_dead_letter',
    ])
  })

  test('runs its hook last, again when it fails, and is a dead letter when that is used up', () => {
    const saga = new Given(hooked)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('one', 'action', { verdict: 'rejected' })
    expect(saga.attempts).toEqual(['one', '@compensated'])
    saga.fails('@compensated', 'action', { verdict: 'not_applied' }).isDue('@compensated')
    saga.fails('@compensated', 'action', { verdict: 'not_applied' })
    expect(saga.summary).toBe('dead_lettered: hook @compensated')
    expect(saga.ordered('retry').succeeds('@compensated').summary).toBe('compensated')
  })
})

describe('the hooks', () => {
  test('the completed hook comes before the status, and a person can send it again', () => {
    const saga = new Given(hooked).succeeds('one')
    expect(saga.summary).toBe('running')
    expect(saga.ordered('cancel').ignored).toEqual({ reason: 'finishing', fits: ['pause'] })
    saga.fails('@completed', 'action', { verdict: 'not_applied' })
    expect(saga.summary).toBe('dead_lettered: hook @completed')
    expect(saga.ordered('retry').succeeds('@completed').summary).toBe('completed')
  })

  test('a hook that is only held keeps nobody from cancelling', () => {
    const saga = new Given(hooked)
    saga.holds = [{ step: '@completed' }]
    expect(saga.succeeds('one').story).toEqual(['step_completed one', 'step_withheld @completed'])
    expect(saga.ordered('cancel').attempts.at(-1)).toBe('compensation one')
  })

  test('a hook that failed before the turn is nothing that a retry of the undoing is about', () => {
    const saga = new Given(hooked).succeeds('one').fails('@completed', 'action', { verdict: 'not_applied' })
    saga.ordered('compensate').fails('one', 'compensation')
    expect(saga.summary).toBe('dead_lettered: compensation_exhausted one')
    expect(saga.ordered('retry').events[0]).toMatchObject({ steps: ['one'] })
  })

  test('the hooks beside a status run after it, have retries of their own, and change nothing', () => {
    const saga = new Given(hooked).succeeds('one').fails('@completed', 'action', { verdict: 'not_applied' })
    expect(saga.attempts.at(-1)).toBe('@dead-lettered')
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('@dead-lettered', 'action', { verdict: 'not_applied' }).resolved().isDue('@dead-lettered')
    expect(saga.fails('@dead-lettered', 'action', { verdict: 'not_applied' }).summary).toBe('resolved')
    expect(saga.step('@dead-lettered').state).toBe('failed')
    expect(saga.succeeds('@resolved').summary).toBe('resolved')
  })

  test('a hook beside a status that no worker knows keeps the saga from nothing', () => {
    const saga = new Given(hooked).succeeds('one').fails('@completed', 'action', { verdict: 'not_applied' })
    saga.isGivenBack('@dead-lettered', 'code').ordered('retry')
    expect(saga.when({ type: 'code_missing', step: '@dead-lettered' }).ignored).toEqual({ reason: 'not_due' })
    expect(saga.succeeds('@completed').summary).toBe('completed')
  })

  test('a hook beside a status goes on when its code is found, and nothing else does', () => {
    const saga = new Given(hooked).succeeds('one').fails('@completed', 'action', { verdict: 'not_applied' })
    saga.isGivenBack('@dead-lettered', 'code').when({ type: 'code_found' })
    expect(saga.story).toEqual(['code_found', 'attempt_scheduled @dead-lettered'])
    expect(saga.summary).toBe('dead_lettered: hook @completed')
    expect(saga.commands.filter(({ type }) => type === 'remove_dead_letter')).toEqual([])
    expect(saga.when({ type: 'code_found' }).ignored).toEqual({ reason: 'not_due' })
    saga.resolved().isGivenBack('@resolved', 'code').when({ type: 'code_found' })
    expect(saga.story).toEqual(['code_found', 'attempt_scheduled @resolved'])
    expect(saga.summary).toBe('resolved')
  })
})
