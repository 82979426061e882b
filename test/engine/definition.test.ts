import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sagasFor } from '../../src/engine/define-saga.ts'
import { canonicalJson, checkDefinition, type Definition, hashBlueprint } from '../../src/engine/definition.ts'
import { SagaError } from '../../src/engine/errors.ts'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const input = z.object({ id: z.string(), count: z.number().default(1) })
const one = { action: () => 1 }
const order = () => defineSaga('order', { version: 1, input })

function refusal(check: () => unknown): SagaError {
  try {
    check()
  } catch (error) {
    if (error instanceof SagaError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

describe('a definition that is used is refused when', () => {
  test('it has no steps', () => {
    const error = refusal(() => checkDefinition(order().onCompleted(() => {})))
    expect(error.details).toEqual({
      definition: 'order',
      problems: [{ at: 'order', problem: 'a saga needs at least one step' }],
    })
  })

  test('code and blueprint disagree', () => {
    const saga = order()
      .step('one', { ...one, compensation: () => {} })
      .step('two', one)
      .onCompleted(() => {})
    const { name, version, blueprint, blueprintHash } = saga
    const jsonSchemas = () => saga.jsonSchemas()
    const steps = new Map([['one', { ...saga.steps.get('two') }]]) as unknown as Definition['steps']
    const error = refusal(() =>
      checkDefinition({ name, version, input, blueprint, blueprintHash, jsonSchemas, steps, hooks: {} }),
    )
    expect(error.details.problems?.map(({ at }) => at)).toEqual(['one', 'two', 'completed'])
  })
})

describe('the hash of a blueprint', () => {
  const base = () =>
    order()
      .step('one', { ...one, compensation: () => {} })
      .step('two', one)

  test('is the same for the same shape, whatever the code and its policies are', () => {
    const other = order()
      .step('one', { action: () => 2, timeout: '1s', retry: { maxAttempts: 1 }, compensation: { run: () => {} } })
      .step('two', { ...one, whenExhausted: 'dead_letter', output: z.number() })
    expect(other.blueprintHash).toBe(base().blueprintHash)
    expect(base().blueprintHash).toMatch(/^[\da-f]{32}$/)
  })

  test('does not depend on the order of hooks, or of keys', () => {
    const nothing = () => {}
    const left = base().onCompleted(nothing).onResolved(nothing)
    const right = base().onResolved(nothing).onCompleted(nothing)
    expect(left.blueprintHash).toBe(right.blueprintHash)
    const reversed = Object.fromEntries(Object.entries(left.blueprint).reverse()) as typeof left.blueprint
    expect(hashBlueprint(reversed)).toBe(left.blueprintHash)
  })

  test('is the same in every release', () => {
    // A changed value here would stop every saga in flight: DEFINITION_CHANGED.
    expect(base().blueprintHash).toBe('f252968cfe25e8adb559e9daf18cb4f6')
  })

  test.each<[string, Definition]>([
    ['a step', base().step('three', one)],
    ['a pivot', base().pivot()],
    ['a hook', base().onCompleted(() => {})],
    [
      'a version',
      defineSaga('order', { version: 2, input })
        .step('one', { ...one, compensation: () => {} })
        .step('two', one),
    ],
    [
      'the order',
      order()
        .step('two', one)
        .step('one', { ...one, compensation: () => {} }),
    ],
    ['a compensation', order().step('one', one).step('two', one)],
    [
      'a kind',
      order()
        .transactionalStep('one', { ...one, compensation: () => {} })
        .step('two', one),
    ],
    [
      'doubt',
      order()
        .step('one', { ...one, compensation: { run: () => {}, when: 'completed' } })
        .step('two', one),
    ],
  ])('is another one with another shape: %s', (_what, other) => {
    expect(other.blueprintHash).not.toBe(base().blueprintHash)
  })
})

describe('canonical JSON', () => {
  test('is one text for one value', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: undefined })).toBe('{"b":[{"c":2,"d":1}]}')
    expect(canonicalJson(undefined)).toBe('null')
    expect(canonicalJson({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}')
    expect(canonicalJson(JSON.parse('{"__proto__":1}'))).toBe('{"__proto__":1}')
  })

  test('tells apart what a schema takes beyond JSON', () => {
    expect(canonicalJson({ n: 1n })).not.toBe(canonicalJson({ n: 2n }))
    expect(canonicalJson(new Map([[1, 2]]))).not.toBe(canonicalJson(new Map([[1, 3]])))
    expect(canonicalJson(new Set([1]))).not.toBe(canonicalJson(new Set([2])))
  })

  test('is refused to a value that contains itself', () => {
    const cyclic: unknown[] = []
    cyclic.push(cyclic)
    expect(refusal(() => canonicalJson(cyclic)).code).toBe('PAYLOAD_INVALID')
  })
})

describe('the JSON Schemas of a definition', () => {
  test('say what the input may be, and what results are', () => {
    const output = z.object({ score: z.string().transform(Number).pipe(z.number()) })
    const schemas = order()
      .step('one', one)
      .step('rate', { action: () => ({ score: '1' }), output })
      .jsonSchemas()
    expect(schemas.input).toMatchObject({ type: 'object', required: ['id'] })
    expect(schemas.results).toMatchObject({ rate: { properties: { score: { type: 'number' } } } })
    expect(Object.keys(schemas.results)).toEqual(['rate'])
  })

  test('leave open what has none', () => {
    const odd = z.object({ at: z.date(), odd: z.custom<string>(), big: z.bigint() })
    const { input: schema } = defineSaga('odd', { version: 1, input: odd }).jsonSchemas()
    expect(schema).toMatchObject({ properties: { at: {}, odd: {}, big: {} } })
    expect(() => JSON.stringify(schema)).not.toThrow()
  })
})
