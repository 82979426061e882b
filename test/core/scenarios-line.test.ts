/** Sagas with a concurrency key: who stands in line, who is at its front, and when it is left. */
import { describe, expect, test } from 'vitest'
import { waitOf } from '../../src/engine/core/state.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given } from './support/given.ts'

const two = blueprintOf([aStep('one'), aStep('two')])
const rejected = { verdict: 'rejected' as const }
const lineOf = (saga: Given) =>
  saga.commands.map(({ type }) => type).filter((type) => type.endsWith('_line') || type === 'take_front')

describe('a line', () => {
  test('is waited in without a job, until the saga is at its front', () => {
    const saga = new Given(two, { line: 'waiting' })
    expect([saga.summary, saga.state.line, saga.story]).toEqual(['pending', 'waiting', ['saga_started']])
    expect(saga.commands).toEqual([{ type: 'join_line', isFront: false }])
    expect(waitOf(saga.state)).toBe('line')
    expect(saga.when({ type: 'start_due' }).ignored).toEqual({ reason: 'not_due' })
    expect(saga.when({ type: 'at_front' }).story).toEqual(['saga_begun', 'attempt_scheduled one'])
    expect([saga.summary, saga.state.line]).toEqual(['running', 'front'])
    expect(saga.when({ type: 'at_front' }).ignored).toEqual({ reason: 'not_due' })
    expect(saga.succeeds('one').state.line).toBe('front')
    expect([saga.succeeds('two').summary, saga.state.line]).toEqual(['completed', undefined])
    expect(lineOf(saga)).toEqual(['join_line', 'take_front', 'leave_line'])
  })

  test('is passed by where its front is known to be free', () => {
    const saga = new Given(two, { line: 'front' })
    expect([saga.summary, saga.attempts]).toEqual(['running', ['one']])
    expect(saga.commands[0]).toEqual({ type: 'join_line', isFront: true })
    expect(saga.when({ type: 'at_front' }).ignored).toEqual({ reason: 'not_due' })
  })

  test('is joined only when the start time comes', () => {
    const saga = new Given(two, { line: 'waiting', startAt: 2_000 })
    expect([saga.state.line, waitOf(saga.state), lineOf(saga)]).toEqual(['later', 'start', []])
    expect(saga.when({ type: 'at_front' }).ignored).toEqual({ reason: 'not_due' })
    expect(saga.when({ type: 'start_due' }).story).toEqual(['line_joined'])
    expect([saga.summary, saga.state.line]).toEqual(['pending', 'waiting'])
    expect(saga.when({ type: 'at_front' }).attempts).toEqual(['one'])
    expect(lineOf(saga)).toEqual(['join_line', 'take_front'])
  })

  test('is nothing to a saga without a key', () => {
    const saga = new Given(two, { startAt: 2_000 })
    expect(saga.when({ type: 'at_front' }).ignored).toEqual({ reason: 'not_due' })
    expect(lineOf(saga.when({ type: 'start_due' }).succeeds('one').succeeds('two'))).toEqual([])
  })

  test('is left with the end, whichever it is, and not before', () => {
    const undone = new Given(two, { line: 'front' }).succeeds('one').fails('two', 'action', rejected)
    expect([undone.summary, undone.state.line]).toEqual(['compensating', 'front'])
    expect(lineOf(undone)).toEqual(['join_line'])
    expect(lineOf(undone.succeeds('one', 'compensation'))).toEqual(['join_line', 'leave_line'])
    const dead = new Given(two, { line: 'front' }).succeeds('one').fails('two', 'action', rejected)
    dead.fails('one', 'compensation', rejected)
    expect([dead.summary, dead.state.line]).toEqual(['dead_lettered: compensation_exhausted one', 'front'])
    expect(lineOf(dead)).toEqual(['join_line'])
    expect([lineOf(dead.resolved()), dead.state.line]).toEqual([['join_line', 'leave_line'], undefined])
  })

  test('is kept by a dead letter that is retried, until it is done', () => {
    const saga = new Given(blueprintOf([aStep('one', { pivot: true }), aStep('two')]), { line: 'front' })
    saga.succeeds('one').fails('two', 'action', rejected)
    expect([saga.summary, saga.state.line]).toEqual(['dead_lettered: past_pivot two', 'front'])
    expect(saga.ordered('retry').state.line).toBe('front')
    expect(lineOf(saga.succeeds('two'))).toEqual(['join_line', 'leave_line'])
  })

  test('is left at once by what is turned before it begins: it did nothing that others would have to wait for', () => {
    const withHook = blueprintOf([aStep('one')], ['compensated'])
    const waiting = new Given(withHook, { line: 'waiting' }).ordered('cancel')
    expect([waiting.summary, waiting.state.line, lineOf(waiting)]).toEqual([
      'compensating',
      undefined,
      ['join_line', 'leave_line'],
    ])
    const later = new Given(withHook, { line: 'waiting', startAt: 2_000 }).ordered('cancel')
    expect([later.state.line, lineOf(later)]).toEqual([undefined, []])
    const late = new Given(two, { line: 'waiting', deadlineAt: 2_000 }).when({ type: 'deadline_due' })
    expect([late.summary, lineOf(late)]).toEqual(['compensated', ['join_line', 'leave_line']])
    expect(late.when({ type: 'at_front' }).ignored).toEqual({ reason: 'not_due' })
  })

  test('moves on with a saga that is paused: it comes to the front, and stands there', () => {
    const saga = new Given(two, { line: 'waiting' }).ordered('pause').when({ type: 'at_front' })
    expect([saga.summary, saga.state.line, saga.attempts]).toEqual(['running', 'front', []])
    expect(saga.ordered('resume').attempts).toEqual(['one'])
  })

  test('is not joined again by what a late effect sets going', () => {
    const saga = new Given(two, { line: 'front' }).isLost('one').isLost('one')
    saga.succeeds('one', 'compensation')
    expect(saga.summary).toBe('compensated')
    const late = {
      step: 'one',
      side: 'action' as const,
      jobId: 'gone',
      insertedAs: 1,
      retryCount: 0,
      limits: saga.limits,
    }
    saga.when({ type: 'succeeded', ...late })
    expect([saga.summary, saga.state.line]).toEqual(['compensating', undefined])
    expect(lineOf(saga.succeeds('one', 'compensation'))).toEqual(['join_line', 'leave_line'])
  })
})
