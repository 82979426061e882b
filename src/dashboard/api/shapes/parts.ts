/** Parts of what the API takes and answers, as zod schemas of JSON: a moment is text. */
import { z } from 'zod'
import { DEAD_LETTER_REASONS, SIDES, STATUSES, STEP_STATES, WAITS } from '../../../engine/core/machine.ts'
import { FILTER_WORDS, type FilterWord } from '../../../engine/filter-text.ts'

/** Names for the document: what has one stands there once, and is pointed at. */
export const NAMES = z.registry<{ id: string }>()

export function named<T extends z.ZodType>(id: string, schema: T): T {
  NAMES.add(schema, { id })
  return schema
}

/** ISO 8601, in UTC. */
export const moment = z.iso.datetime()
export const count = z.int().min(0)
export const status = named('Status', z.enum(STATUSES))
export const reason = named('DeadLetterReason', z.enum(DEAD_LETTER_REASONS))
export const stepState = named('StepState', z.enum(STEP_STATES))
export const side = z.enum(SIDES)
export const wait = z.enum(WAITS)

/** `message` as the dashboard's `redact` gives it. */
export const errorInfo = named(
  'ErrorInfo',
  z.strictObject({ name: z.string(), message: z.string(), code: z.string().optional() }),
)

/** A payload, or why it is not shown. */
export const payload = named(
  'Payload',
  z.union([
    z.strictObject({ value: z.unknown().describe('As the dashboard’s redact gives it.') }),
    z.strictObject({ unreadable: z.enum(['CODEC_MISSING', 'CODEC_FAILED', 'PAYLOAD_ERASED']) }),
    z.strictObject({ leftOut: count.describe('It has so many characters, more than there was room for.') }),
  ]),
)

const ID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/

export const id = z.string().regex(ID, 'is an id, as it was listed')

/** Text that Postgres can store. */
export const storable = (maxCharacters: number) =>
  z
    .string()
    .max(maxCharacters)
    .refine((value) => !value.includes('\u0000') && value.isWellFormed(), 'cannot be stored')

/** Who comes to it later learns why. */
export const why = storable(1_000)
  .refine((value) => value.trim() !== '', 'says why, in 1 to 1000 characters')
  .describe('Why. It is kept for ever, with who.')

export const requestId = z
  .string()
  .regex(/^[\w-]{8,100}$/, 'is 8 to 100 letters, digits, _ or -')
  .optional()
  .describe('The same one acts once, however often it comes.')

/** Whole numbers of a query, as the document has them. */
export const NUMBERS = new WeakMap<
  object,
  { readonly type: 'integer'; readonly minimum: number; readonly maximum: number }
>()

/** A whole number of a query. */
export function number(minimum: number, maximum: number) {
  const says = `is a whole number from ${minimum} to ${maximum}`
  const text = z.string().regex(/^\d{1,9}$/, says)
  const whole = text.transform(Number).pipe(z.int().min(minimum, says).max(maximum, says))
  NUMBERS.set(whole, { type: 'integer', minimum, maximum })
  return whole
}

/** A switch of a query. */
export const yes = z.enum(['true', 'false']).transform((text) => text === 'true')

/** Any JSON. */
export const json = named('Json', z.json())

export const MAX_PAGE = 500

/** Of a list: how many, and from where on. */
export const pageQuery = {
  limit: number(1, MAX_PAGE).optional().describe(`At most, up to ${MAX_PAGE}. 50 by default.`),
  cursor: z.string().max(100).optional().describe('Of the page before.'),
}

/** A hundred ids have a comma each. */
const word = (name: FilterWord) =>
  storable(name === 'id' ? 3_700 : 1_000)
    .optional()
    .describe(FILTER_WORDS[name])

/** The words by which sagas are looked for: those of the command line. */
export const filterWords = Object.fromEntries(
  (Object.keys(FILTER_WORDS) as FilterWord[]).map((name) => [name, word(name)]),
) as { readonly [name in FilterWord]: ReturnType<typeof word> }

export const filterBody = named(
  'Filter',
  z.strictObject(filterWords).describe('The words of a list of sagas. At least one has to be there.'),
)

/** Of the next page; absent on the last one. */
export const cursor = z.string().optional()
