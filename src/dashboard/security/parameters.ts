/** What may come in, and how much of it. Whatever does not fit is refused before anything is asked of the engine. */
import { z } from 'zod'
import { STATUSES } from '../../engine/core/machine.ts'
import { ACTION_NAMES } from '../words/actions.ts'

/** Bytes of a form: a reason of a thousand characters, thrice over. */
export const MAX_BODY_BYTES = 16 * 1024
export const MAX_REASON_CHARACTERS = 1_000

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Text that Postgres can store, and that has an end. */
const text = (maxCharacters: number) =>
  z
    .string()
    .max(maxCharacters)
    .refine((value) => !value.includes('\u0000') && value.isWellFormed(), 'cannot be stored')

/** An empty field of a GET form is a filter that was not set. */
const filter = (maxCharacters: number) =>
  text(maxCharacters)
    .transform((value) => value.trim())
    .transform((value) => (value === '' ? undefined : value))
    .optional()

const emptyIsNone = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())

export const sagaId = z
  .string()
  .max(36)
  .transform((value) => value.toLowerCase())
  .pipe(z.string().regex(ID))

export const listQuery = z.object({
  state: emptyIsNone(z.enum(STATUSES)),
  definition: filter(200),
  prefix: filter(500),
  tag: filter(200),
  q: filter(500),
  cursor: emptyIsNone(sagaId),
  /** The newest saga that a page which updates itself may show. */
  top: emptyIsNone(sagaId),
  live: emptyIsNone(z.enum(['on', 'off'])),
})

export type ListQuery = z.output<typeof listQuery>

export const sagaQuery = z.object({
  live: emptyIsNone(z.enum(['on', 'off'])),
  journal: emptyIsNone(z.enum(['all'])),
  done: emptyIsNone(z.enum(ACTION_NAMES)),
  again: emptyIsNone(z.enum(['yes'])),
})

export type SagaQuery = z.output<typeof sagaQuery>

export const actionName = z.enum(ACTION_NAMES)

export const planQuery = z.object({ action: actionName })

/** A confirmed act. `plan` is the hash of what was shown, `shown` the same as text, to say what has changed. */
export const actForm = z.object({
  // Browsers send line ends as two characters, and count them as one. What is too long comes back to the form.
  reason: z
    .string()
    .max(MAX_BODY_BYTES)
    .transform((value) => value.replaceAll('\r\n', '\n').trim())
    .default(''),
  requestId: z.string().regex(/^[\w-]{8,100}$/),
  plan: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .optional(),
  shown: text(8_000).optional(),
  as: emptyIsNone(z.enum(['completed', 'compensated'])),
})

export type ActForm = z.output<typeof actForm>

const storable = text(MAX_REASON_CHARACTERS).min(1)

/** Whether the journal can keep it. */
export function isReason(reason: string): boolean {
  return storable.safeParse(reason).success
}
