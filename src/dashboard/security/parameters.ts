/** What may come in, and how much of it. Whatever does not fit is refused before anything is asked of the engine. */
import { z } from 'zod'
import { DEAD_LETTER_REASONS, STATUSES } from '../../engine/core/machine.ts'
import { DUTIES, LOGGED } from '../../engine/duties.ts'
import { ITEM_OUTCOMES, ITEM_STATES, OPERATION_STATES, OPERATION_VERBS } from '../../engine/store/operations.ts'
import { ACTION_NAMES } from '../words/actions.ts'
import { HOLD_SIDES } from '../words/definitions.ts'
import { CHANGE_NAMES } from '../words/operations.ts'

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
  /** Dead letters of one error group. */
  group: filter(100),
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

// Browsers send line ends as two characters, and count them as one. What is too long comes back to the form.
const reason = z
  .string()
  .max(MAX_BODY_BYTES)
  .transform((value) => value.replaceAll('\r\n', '\n').trim())
  .default('')

const requestId = z.string().regex(/^[\w-]{8,100}$/)

/** A confirmed act. `plan` is the hash of what was shown, `shown` the same as text, to say what has changed. */
export const actForm = z.object({
  reason,
  requestId,
  plan: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .optional(),
  shown: text(8_000).optional(),
  as: emptyIsNone(z.enum(['completed', 'compensated'])),
})

export type ActForm = z.output<typeof actForm>

/**
 * Which sagas an operation is for: every filter of the list. A parameter that is none of them is refused, for leaving it
 * out would make the scope larger.
 */
export const scopeQuery = listQuery.omit({ cursor: true, top: true, live: true }).strict()

export type ScopeQuery = z.output<typeof scopeQuery>

const yes = emptyIsNone(z.enum(['yes']))
const live = emptyIsNone(z.enum(['on', 'off']))

/** A number as it was typed; whether it is one is said beside its field. */
const typed = z.string().max(20).trim()

export const previewQuery = z
  .object({ verb: emptyIsNone(z.enum(OPERATION_VERBS)), past: yes, canary: typed.optional() })
  .extend(scopeQuery.shape)
  .strict()

export type PreviewQuery = z.output<typeof previewQuery>

/** A confirmed operation. What was shown of it: `seen` sagas, of which `fitting` would take the verb, beside `others`. */
export const operationForm = z.object({
  verb: z.enum(OPERATION_VERBS),
  past: yes,
  as: emptyIsNone(z.enum(['completed', 'compensated'])),
  /** The filter as a query. */
  scope: text(6_000),
  canary: typed.default(''),
  rate: typed.default(''),
  reason,
  requestId,
  seen: z.coerce.number().int().min(0).max(1_000_000),
  fitting: z.coerce.number().int().min(0).max(1_000_000),
  more: yes,
  /** Ids of the operations over the same sagas that were shown. */
  others: text(4_000).default(''),
})

export type OperationForm = z.output<typeof operationForm>

export const operationsQuery = z.object({
  state: emptyIsNone(z.enum(OPERATION_STATES)),
  cursor: emptyIsNone(sagaId),
  live,
})

export type OperationsQuery = z.output<typeof operationsQuery>

const RESULTS = [...ITEM_STATES.filter((state) => state !== 'done'), ...ITEM_OUTCOMES] as const

export const operationQuery = z.object({
  result: emptyIsNone(z.enum(RESULTS)),
  cursor: emptyIsNone(z.string().regex(/^\d{1,9}$/)),
  live,
  done: emptyIsNone(z.enum(['started', ...CHANGE_NAMES])),
  again: yes,
})

export type OperationQuery = z.output<typeof operationQuery>

export const changeName = z.enum(CHANGE_NAMES)

export const changeQuery = z.object({ action: changeName })

export const changeForm = z.object({ reason, requestId })

export type ChangeForm = z.output<typeof changeForm>

export const errorsQuery = z.object({ definition: filter(200), live })

export type ErrorsQuery = z.output<typeof errorsQuery>

export const groupQuery = z.object({ live })

export const definitionQuery = z.object({
  version: emptyIsNone(z.string().regex(/^[1-9]\d{0,8}$/)),
  done: emptyIsNone(z.enum(['held', 'released'])),
})

export type DefinitionQuery = z.output<typeof definitionQuery>

export const holdQuery = z.object({ step: filter(200), side: emptyIsNone(z.enum(HOLD_SIDES)) })

/** `seen`: ids of the holds on the same that were shown. */
export const holdForm = z.object({
  step: filter(200),
  side: emptyIsNone(z.enum(HOLD_SIDES)),
  reason,
  requestId,
  seen: text(4_000).default(''),
})

export type HoldForm = z.output<typeof holdForm>

/** `seen`: how the hold stood when it was shown. */
export const releaseForm = z.object({ rate: typed.default(''), reason, requestId, seen: text(200).default('') })

export type ReleaseForm = z.output<typeof releaseForm>

const storable = text(MAX_REASON_CHARACTERS).min(1)

/** Whether the journal can keep it. */
export function isReason(reason: string): boolean {
  return storable.safeParse(reason).success
}
