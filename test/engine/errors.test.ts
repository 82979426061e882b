import { describe, expect, test } from 'vitest'
import { SagaError, StepNotApplied, StepRejected } from '../../src/engine/errors.ts'

describe('a saga error', () => {
  test('carries a code, its details and its cause', () => {
    const cause = new Error('inside')
    const error = new SagaError('SAGA_NOT_FOUND', 'There is no saga 1.', { cause, details: { sagaId: '1' } })
    expect(error).toMatchObject({ code: 'SAGA_NOT_FOUND', message: 'There is no saga 1.', details: { sagaId: '1' } })
    expect(error.cause).toBe(cause)
  })

  test('has no cause where there is none, and always details', () => {
    const error = new SagaError('TIMEOUT', 'It goes on.', { cause: undefined })
    expect('cause' in error).toBe(false)
    expect(error.details).toEqual({})
  })

  test.each([
    [new SagaError('TIMEOUT', 'x'), 'SagaError'],
    [new StepRejected('x'), 'StepRejected'],
    [new StepNotApplied('x'), 'StepNotApplied'],
  ])('is known by the name on its prototype', (error, name) => {
    expect(error.name).toBe(name)
    expect(Object.hasOwn(error, 'name')).toBe(false)
    expect(error).toBeInstanceOf(Error)
    expect(error.stack).toContain(name)
  })
})

describe('a verdict that a step throws', () => {
  test('has a code of its own, or the one that it is given', () => {
    expect(new StepRejected('The card was declined.').code).toBe('STEP_REJECTED')
    expect(new StepRejected('The card was declined.', { code: 'CARD_DECLINED' }).code).toBe('CARD_DECLINED')
    expect(new StepNotApplied('Too many requests.').code).toBe('STEP_NOT_APPLIED')
    expect(new StepNotApplied('Too many requests.', { code: 'HTTP_429' }).code).toBe('HTTP_429')
  })

  test('keeps its cause', () => {
    const cause = new Error('inside')
    expect(new StepRejected('x', { cause }).cause).toBe(cause)
    expect(new StepNotApplied('x', { cause }).cause).toBe(cause)
  })

  test('says when to come back', () => {
    expect(new StepNotApplied('x', { retryAfter: '2 minutes' }).retryAfterMs).toBe(120_000)
    expect(new StepNotApplied('x', { retryAfter: 1_500 }).retryAfterMs).toBe(1_500)
    expect(new StepNotApplied('x').retryAfterMs).toBeUndefined()
  })

  test('stays what it is when a provider asks for nonsense', () => {
    const retryAfter = Number('Wed, 21 Oct 2026 07:28:00 GMT')
    expect(new StepNotApplied('x', { retryAfter }).retryAfterMs).toBeUndefined()
    expect(new StepNotApplied('x', { retryAfter: Number.MAX_VALUE }).retryAfterMs).toBeUndefined()
    expect(new StepNotApplied('x', { retryAfter: undefined }).retryAfterMs).toBeUndefined()
  })
})
