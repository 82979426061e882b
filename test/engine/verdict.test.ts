/** What may be thrown, and what is made of it: anything, and always something. */
import { describe, expect, test } from 'vitest'
import { errorInfo, verdictOf } from '../../src/engine/runtime/verdict.ts'
import { isConnectionError } from '../../src/engine/store/db.ts'

const bare = Object.create(null) as object
const odd = (fields: object) => Object.assign(new Error('odd'), fields)
const throwing = Object.defineProperty(new Error('x'), 'message', {
  get: () => {
    throw new Error('from the getter')
  },
})

describe('whatever is thrown', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'no'],
    ['an object without a prototype', bare],
    ['a symbol', Symbol('no')],
    ['an error whose message is undefined', odd({ message: undefined })],
    ['an error whose message is an object', odd({ message: { deep: 1 } })],
    ['an error whose name is undefined', odd({ name: undefined })],
    ['an error whose status is a symbol', odd({ status: Symbol('503') })],
    ['an error that cannot be read', throwing],
  ])('%s has a verdict and a description', (_what, thrown) => {
    expect(verdictOf(thrown, undefined, false)).toBe('in_doubt')
    const { name, message } = errorInfo(thrown)
    expect([typeof name, typeof message]).toEqual(['string', 'string'])
    expect(name).not.toBe('')
  })

  test('is described by its own words, with or without a class', () => {
    expect(errorInfo({ message: 'plain', code: 'E1' })).toEqual({ name: 'Error', message: 'plain', code: 'E1' })
    expect(errorInfo(new TypeError('no'))).toEqual({ name: 'TypeError', message: 'no' })
    expect(errorInfo('just text')).toEqual({ name: 'Error', message: 'just text' })
  })
})

describe('the judgement of classify', () => {
  test.each([
    ['a word that is no verdict', () => 'fatal'],
    ['a promise', async () => 'rejected'],
    ['a promise that is rejected', () => Promise.reject(new Error('late'))],
    ['true', () => true],
    ['null', () => null],
  ])('is none when it is %s, so that the doubt stays', (_what, classify) => {
    expect(verdictOf(new Error('x'), classify as () => never, false)).toBe('in_doubt')
  })

  test('counts when it is a verdict, and not where there is nothing to doubt', () => {
    expect(verdictOf(new Error('x'), () => 'rejected', false)).toBe('rejected')
    expect(verdictOf(new Error('x'), () => 'in_doubt', true)).toBe('not_applied')
  })
})

describe('an error of a connection', () => {
  const coded = (code: string, message = code) => Object.assign(new Error(message), { code })

  test.each([
    coded('EPIPE', 'write EPIPE'),
    coded('ECONNRESET'),
    coded('ENETUNREACH'),
    coded('ENOENT', 'connect ENOENT /run/postgresql/.s.PGSQL.5432'),
    coded('57P01'),
    coded('53300'),
    coded('3D000'),
    coded('28P01'),
    coded('08006'),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
  ])('is told from what the database says of data: %s', (error) => {
    expect(isConnectionError(error)).toBe(true)
    expect(isConnectionError(new Error('Failed query: select 1', { cause: error }))).toBe(true)
  })

  test.each([coded('23505'), coded('22P02'), coded('40001'), coded('ENOENT', 'open /etc/nothing'), new Error('no')])(
    'is not %s',
    (error) => {
      expect(isConnectionError(error)).toBe(false)
    },
  )
})
