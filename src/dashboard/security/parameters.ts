/** What may come in, and how much of it. Whatever does not fit is refused before anything is asked of the engine. */
import { z } from 'zod'
import { DEAD_LETTER_REASONS, STATUSES } from '../../engine/core/machine.ts'
import { DUTIES, LOGGED } from '../../engine/duties.ts'
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

/** As figures name them: `2026-11-21T13:00:00.000Z`. */
const moment = emptyIsNone(z.iso.datetime().max(30))

const liveSwitch = emptyIsNone(z.enum(['on', 'off']))

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
  /** Of dead letters. */
  reason: emptyIsNone(z.enum(DEAD_LETTER_REASONS)),
  /** Sagas that were started from this moment on, and before that one: where both are given. */
  from: moment,
  to: moment,
  cursor: emptyIsNone(sagaId),
  /** The newest saga that a page which updates itself may show. */
  top: emptyIsNone(sagaId),
  live: liveSwitch,
})

export type ListQuery = z.output<typeof listQuery>

export const sagaQuery = z.object({
  live: liveSwitch,
  journal: emptyIsNone(z.enum(['all'])),
  done: emptyIsNone(z.enum(ACTION_NAMES)),
  again: emptyIsNone(z.enum(['yes'])),
})

/** How far the figures of the overview reach back. */
export const RANGES = ['1h', '24h', '7d', '30d'] as const

export const overviewQuery = z.object({
  range: z.enum(RANGES).default('24h'),
  definition: filter(200),
  live: liveSwitch,
})

export type OverviewQuery = z.output<typeof overviewQuery>

export const systemQuery = z.object({ live: liveSwitch })

export type SystemQuery = z.output<typeof systemQuery>

export const schedulesQuery = z.object({
  duty: emptyIsNone(z.enum(LOGGED)),
  /** Of the log of maintenance: what it has done is shown first. */
  entry: emptyIsNone(sagaId),
  live: liveSwitch,
})

export type SchedulesQuery = z.output<typeof schedulesQuery>

export const dutyName = z.enum(DUTIES)

/** `dry`: only what it would do. */
export const dutyForm = z.object({ dry: z.enum(['yes', 'no']) })

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
