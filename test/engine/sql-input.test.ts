/** What SQL makes of an input before a worker sees it: it refuses nothing that zod would take. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toJSONSchema, type ZodType, z } from 'zod'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => database.drop())

/** As `jsonSchemas()` of a definition stores it. */
const stored = (schema: ZodType) => JSON.stringify(toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }))

async function problems(schema: ZodType, value: unknown): Promise<readonly string[]> {
  const { rows } = await database.pool.query('select path, message from saga.input_problems($1::jsonb, $2::jsonb)', [
    stored(schema),
    JSON.stringify(value),
  ])
  return rows.map(({ path, message }) => `${path}: ${message}`)
}

const line = z.object({ sku: z.string().min(2).max(4), count: z.int().positive() })
const recursive: ZodType = z.object({
  get next() {
    return z.optional(recursive)
  },
})

describe('an input that SQL looks at', () => {
  test.each<[string, ZodType, unknown, readonly string[]]>([
    ['its type', z.string(), 1, [': must be string, not number']],
    ['whole numbers', z.int(), 1.5, [': must be integer, not number']],
    ['null', z.string().nullable(), 1, [': must be string or null, not number']],
    ['an enum', z.enum(['a', 'b']), 'c', [': must be one of ["a", "b"]']],
    ['a constant', z.literal('a'), 'b', [': must be "a"']],
    [
      'required fields',
      z.object({ a: z.string(), b: z.object({ c: z.int() }) }),
      { b: {} },
      ['a: is required', 'b.c: is required'],
    ],
    ['fields that there are not', z.strictObject({ a: z.int() }), { a: 1, b: 2 }, ['b: is not allowed']],
    ['the values of a record', z.record(z.string(), z.int()), { a: 1, b: 'x' }, ['b: must be integer, not string']],
    [
      'items',
      z.array(line),
      [
        { sku: 'ab', count: 1 },
        { sku: 'abcde', count: 0 },
      ],
      ['1.count: must be more than 0', '1.sku: must have at most 4 characters'],
    ],
    ['places', z.tuple([z.int(), z.string()]), [1, 2], ['1: must be string, not number']],
    ['how many items', z.array(z.int()).min(2).max(3), [1], [': must have at least 2 items']],
    ['how many items at most', z.array(z.int()).max(1), [1, 2], [': must have at most 1 items']],
    ['lengths', z.string().min(3), 'ab', [': must have at least 3 characters']],
    ['limits', z.number().min(1).max(2), 3, [': must be at most 2']],
    ['limits that are not reached', z.number().gt(1).lt(2), 2, [': must be less than 2']],
    ['the least', z.number().min(1), 0, [': must be at least 1']],
    ['alternatives', z.union([z.string(), z.object({ a: z.int() })]), { a: 'x' }, [': fits none of its alternatives']],
    [
      'kinds',
      z.discriminatedUnion('k', [z.object({ k: z.literal('a'), n: z.int() }), z.object({ k: z.literal('b') })]),
      { k: 'a' },
      [': fits none of its alternatives'],
    ],
    [
      'all of several',
      z.intersection(z.object({ a: z.int() }), z.object({ b: z.int() })),
      { a: 1 },
      ['b: is required'],
    ],
  ])('is asked for %s', async (_what, schema, value, expected) => {
    expect((await problems(schema, value)).toSorted()).toEqual(expected)
    expect(schema.safeParse(value).success).toBe(false)
  })

  test.each<[string, ZodType, unknown]>([
    ['what SQL does not know', z.string().regex(/^a+$/), 'b'],
    ['formats', z.email(), 'b'],
    ['what refers to itself', recursive, { next: { next: 1 } }],
    ['defaults', z.object({ a: z.string().default('x') }), {}],
    ['transforms', z.string().transform(Number), '1'],
    ['what has no JSON Schema', z.date(), '2026-01-01'],
    ['more fields than are known', z.object({ a: z.int() }), { a: 1, b: 2 }],
    ['surrogate pairs, of which JavaScript counts two', z.string().min(2), '😀'],
    ['several types', z.union([z.string(), z.int()]), 1],
  ])('is left to the worker for %s', async (_what, schema, value) => {
    expect(await problems(schema, value)).toEqual([])
  })

  test('is never refused where zod takes it', async () => {
    const schemas: readonly ZodType[] = [
      z.object({
        a: z.int().min(-3).max(3),
        b: z.string().min(1).max(3).optional(),
        c: z.array(z.union([z.int(), z.null()])).max(2),
      }),
      z.strictObject({
        a: z.union([z.string(), z.boolean()]).optional(),
        b: z.record(z.string(), z.number()).optional(),
      }),
      z.union([z.tuple([z.string()], z.int()), z.array(z.boolean()), z.object({ a: z.literal(1) }), z.number().gte(0)]),
    ]
    const leaf = fc.oneof(
      fc.integer({ min: -5, max: 5 }),
      fc.constantFrom('', 'a', 'abcd', '😀😀'),
      fc.boolean(),
      fc.constant(null),
      fc.constant(0.5),
    )
    const value = fc.oneof(
      leaf,
      fc.array(leaf, { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom('a', 'b', 'c'),
        fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(fc.constantFrom('x', 'y'), leaf)),
        { noNullPrototype: true },
      ),
    )
    const seen = { taken: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...schemas), value, async (schema, given) => {
        const found = await problems(schema, given)
        const isFit = schema.safeParse(given).success
        if (isFit) expect(found).toEqual([])
        seen[isFit ? 'taken' : 'refused'] += 1
        if (!isFit) expect(found.length).toBeGreaterThan(0)
      }),
      { numRuns: 400 },
    )
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(10)
  })
})
