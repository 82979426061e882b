import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SagaError } from '../../src/engine/errors.ts'
import { checkPayload } from '../../src/engine/payload.ts'

const MIB = 1024 * 1024
const rules = { what: 'the result of step "charge-card" of fulfil-order', maxBytes: MIB }
const check = (value: unknown) => checkPayload(value, rules).json

function refusal(value: unknown, maxBytes = MIB): SagaError {
  try {
    checkPayload(value, { ...rules, maxBytes })
  } catch (error) {
    if (error instanceof SagaError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

/** Strings with everything that jsonb refuses, and what only looks like it. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\u0000',
        '\ud800',
        '\udfff',
        '\udc00\ud800',
        '\\u0000',
        '\\',
        '"',
        '\u0001',
        '😀',
        '\u2028',
        'u0000',
        '\\\\ud800',
      ),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''))
/** An escape that `JSON.stringify` had to write, not one that the text talks about. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/
const isStorable = (text: string) => !text.includes('\u0000') && text.isWellFormed()

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

describe('a payload', () => {
  test.each([
    ['a string', 'x', '"x"'],
    ['nothing but null', null, 'null'],
    ['nested objects and lists', { a: [1, { b: null }], c: true }, '{"a":[1,{"b":null}],"c":true}'],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['an object of another realm', runInNewContext('({ a: [1] })'), '{"a":[1]}'],
    ['a date, as the string that it becomes', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['what says itself how it is stored', { toJSON: () => ({ cents: 1 }) }, '{"cents":1}'],
    ['a property that is undefined, without it', { a: 1, b: undefined }, '{"a":1}'],
    ['text about escapes', '\\u0000 and \\ud800', '"\\\\u0000 and \\\\ud800"'],
    ['control characters', '\u0001\n', '"\\u0001\\n"'],
    ['a key called __proto__', JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
    ['minus zero, which equals zero', -0, '0'],
  ])('can be %s', (_what, value, json) => {
    expect(check(value)).toBe(json)
  })

  test('is absent when it is undefined', () => {
    expect(check(undefined)).toBeUndefined()
  })

  const cyclic: Record<string, unknown> = { list: [] }
  ;(cyclic['list'] as unknown[]).push(cyclic)
  class Entity {
    id = 1
  }
  test.each([
    ['U+0000', { lines: [{ note: 'a\u0000b' }] }, 'lines[0].note', 'U+0000'],
    ['U+0000 in a key', { a: { 'x\u0000': 1 } }, 'a["x\\u0000"]', 'U+0000'],
    ['a lone surrogate', { note: 'a\ud800b' }, 'note', 'lone surrogate'],
    ['a lone surrogate in a key', { '\udc00': 1 }, '["\\udc00"]', 'lone surrogate'],
    ['NaN', { total: Number.NaN }, 'total', 'NaN'],
    ['an infinite number', [1, Number.NEGATIVE_INFINITY], '[1]', '-Infinity'],
    ['undefined in a list', { a: [1, undefined] }, 'a[1]', 'undefined'],
    // biome-ignore lint/suspicious/noSparseArray: that is what is refused
    // oxlint-disable-next-line no-sparse-arrays -- that is what is refused
    ['a hole in a list', [1, , 3], '[1]', 'undefined'],
    ['a big integer', { n: 5n }, 'n', 'bigint'],
    ['a symbol', { s: Symbol('x') }, 's', 'symbol'],
    ['a function', { f: () => 1 }, 'f', 'function'],
    ['nothing but a function', () => 1, '', 'function'],
    ['a map', { m: new Map([[1, 2]]) }, 'm', 'an instance of Map'],
    ['a set', new Set([1]), '', 'an instance of Set'],
    ['a promise', { result: Promise.resolve(1) }, 'result', 'an instance of Promise'],
    ['an error', { e: new Error('x') }, 'e', 'an instance of Error'],
    ['an instance of a class', [new Entity()], '[0]', 'an instance of Entity'],
    ['an invalid date', { at: new Date(Number.NaN) }, 'at', 'invalid date'],
    ['itself', cyclic, 'list[0]', 'contains itself'],
    ['too many levels', nested(502), '', '500 levels deep'],
    ['more levels than the stack has', nested(100_000), '', 'levels deep'],
  ])('cannot be, or hold, %s', (_what, value, field, problem) => {
    const error = refusal(value)
    expect(error.code).toBe('PAYLOAD_INVALID')
    expect(error.message).toContain('The result of step "charge-card" of fulfil-order')
    expect(error.message).toContain(problem)
    expect(error.message.isWellFormed()).toBe(true)
    expect(error.message).not.toContain('\u0000')
    if (!problem.includes('levels')) expect(error.details).toEqual({ field })
  })

  test('that cannot be read is refused, and the cause is kept', () => {
    const cause = new Error('lazy')
    const error = refusal({
      get a() {
        throw cause
      },
    })
    expect(error.code).toBe('PAYLOAD_INVALID')
    expect(error.cause).toBe(cause)
    const withToJson = refusal({
      toJSON() {
        throw cause
      },
    })
    expect(withToJson.cause).toBe(cause)
  })

  test('that answers differently each time is judged by the text that would be stored', () => {
    let reads = 0
    const value = {
      get a() {
        reads += 1
        return reads === 1 ? '\u0000' : 'harmless'
      },
    }
    expect(refusal(value).code).toBe('PAYLOAD_INVALID')
  })

  test('is as deep as 500 levels', () => {
    expect(JSON.parse(check(nested(500)) ?? '')).toEqual(nested(500))
  })

  test('does not show what it holds in its errors', () => {
    const { message } = refusal({ card: '4111 1111\u0000', ['k'.repeat(5_000)]: 1 })
    expect(message).not.toContain('4111')
    expect(refusal({ ['k'.repeat(5_000)]: Number.NaN }).message.length).toBeLessThan(400)
  })

  test.each([
    ['ASCII', 'a', 1],
    ['two bytes', 'ä', 2],
    ['three bytes', '€', 3],
    ['four bytes', '😀', 4],
  ])('is measured in bytes of UTF-8: %s', (_what, character, bytes) => {
    const text = character.repeat(10)
    expect(checkPayload(text, { ...rules, maxBytes: 10 * bytes + 2 }).json).toBe(`"${text}"`)
    expect(refusal(text, 10 * bytes + 1)).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      message: `The result of step "charge-card" of fulfil-order has ${10 * bytes + 2} bytes, and ${10 * bytes + 1} are allowed. Store it elsewhere and pass a reference, or raise maxPayloadBytes.`,
    })
  })

  test('of plain JSON comes back as it went in', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!UNSTORABLE.test(JSON.stringify(value)))
        expect(JSON.stringify(JSON.parse(check(value) ?? ''))).toBe(JSON.stringify(value))
      }),
    )
  })

  test('with a string anywhere is accepted when and only when jsonb takes the string', () => {
    fc.assert(
      fc.property(hostile, fc.constantFrom('value', 'key', 'list', 'json'), (text, place) => {
        const value = { value: { a: text }, key: { a: { [text]: 1 } }, list: [[text]], json: { toJSON: () => text } }[
          place
        ]
        if (isStorable(text)) expect(JSON.parse(check(value) ?? '')).toEqual(JSON.parse(JSON.stringify(value)))
        else expect(refusal(value).code).toBe('PAYLOAD_INVALID')
      }),
      { numRuns: 2_000 },
    )
  })

  test('of anything at all is either text that jsonb takes, or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withNullPrototype: true,
          withSparseArray: true,
          withTypedArray: true,
          withBoxedValues: true,
        }),
        (value) => {
          let json: string | undefined
          try {
            json = check(value)
          } catch (error) {
            expect(error).toMatchObject({ code: 'PAYLOAD_INVALID' })
            return
          }
          if (json === undefined) return
          expect(JSON.stringify(JSON.parse(json))).not.toMatch(UNSTORABLE)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
