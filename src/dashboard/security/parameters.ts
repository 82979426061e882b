/** What may come in, and how much of it. Whatever does not fit is refused before anything is asked of the engine. */
import { z } from 'zod'
import { DUTIES, LOGGED } from '../../engine/duties.ts'
import { FILTER_WORDS, type FilterWord } from '../../engine/filter-text.ts'
import { ITEM_OUTCOMES, ITEM_STATES, OPERATION_STATES, OPERATION_VERBS } from '../../engine/store/operations.ts'
import { TRIAGE_STATES } from '../../engine/store/triage.ts'
import { ACTION_NAMES } from '../words/actions.ts'
import { AUDIT_ACTION_NAMES } from '../words/audit.ts'
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

const liveSwitch = emptyIsNone(z.enum(['on', 'off']))

export const sagaId = z
  .string()
  .max(36)
  .transform((value) => value.toLowerCase())
  .pipe(z.string().regex(ID))

/** Of a filter as the command line has it; what each of them means, `filterFromText` says. */
const words = Object.fromEntries(
  // A hundred ids have a comma each.
  Object.keys(FILTER_WORDS).map((word) => [word, filter(word === 'id' ? 3_700 : 500)]),
) as Readonly<Record<FilterWord, ReturnType<typeof filter>>>

/** Which sagas, in the words of the command line; `q` is what was pasted: an id, or a whole key. */
const scopeShape = { ...words, q: filter(500) }

/** A word that is none of these is refused: left out, it would show more than was asked for. */
export const listQuery = z
  .object({
    ...scopeShape,
    cursor: emptyIsNone(sagaId),
    /** The newest saga that a page which updates itself may show. */
    top: emptyIsNone(sagaId),
    /** With commas between. */
    columns: emptyIsNone(text(200)),
    live: liveSwitch,
  })
  .strict()

export type ListQuery = z.output<typeof listQuery>

export const sagaQuery = z.object({
  live: liveSwitch,
  /** Of the journal: events before this one. */
  journal: emptyIsNone(z.string().regex(/^[1-9]\d{0,8}$/)),
  /** `show`: waits in which nothing ran at full length. */
  idle: emptyIsNone(z.enum(['show'])),
  /** The first row of the timeline. */
  rows: emptyIsNone(z.string().regex(/^\d{1,6}$/)),
  done: emptyIsNone(z.enum(ACTION_NAMES)),
  again: emptyIsNone(z.enum(['yes'])),
})

/** `from`: the first item. */
export const itemsQuery = z.object({ from: emptyIsNone(z.string().regex(/^\d{1,6}$/)) })

/** How far the figures of the overview reach back. */
export const RANGES = ['1h', '24h', '7d', '30d'] as const

export const overviewQuery = z.object({
  range: z.enum(RANGES).default('1h'),
  definition: filter(200),
  live: liveSwitch,
})

export type OverviewQuery = z.output<typeof overviewQuery>

/** What a page wants to hear of: one saga, those of a definition, or all. */
export const eventsQuery = z.object({ saga: emptyIsNone(sagaId), definition: filter(200) })

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

/** Which sagas an operation is for: every filter of the list. */
export const scopeQuery = z.object(scopeShape).strict()

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

/** As a field for date and time sends it, in UTC; or as links name it. */
export const typedMoment = emptyIsNone(
  z
    .string()
    .max(30)
    .transform((value) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/.test(value) ? `${value}Z` : value))
    .refine((value) => /^\d{4}-.*Z$/.test(value) && !Number.isNaN(Date.parse(value)))
    .transform((value) => new Date(value).toISOString()),
)

export const auditQuery = z
  .object({
    actor: filter(1_000),
    action: emptyIsNone(z.enum(AUDIT_ACTION_NAMES)),
    definition: filter(200),
    saga: emptyIsNone(sagaId),
    group: filter(100),
    from: typedMoment,
    to: typedMoment,
    /** Only what was refused. */
    denied: yes,
    cursor: emptyIsNone(z.string().regex(/^\d{1,15}\.[0-9a-f-]{36}\.\d{1,9}$/)),
    format: emptyIsNone(z.enum(['csv', 'json'])),
  })
  .strict()

export type AuditQuery = z.output<typeof auditQuery>

export const errorsQuery = z.object({
  definition: filter(200),
  /** How the groups stand. */
  state: emptyIsNone(z.enum(TRIAGE_STATES)),
  live,
})

export type ErrorsQuery = z.output<typeof errorsQuery>

export const groupQuery = z.object({ live, done: emptyIsNone(z.enum(['triaged', 'noted'])) })

export const triageQuery = z.object({ state: z.enum(TRIAGE_STATES) })

/** `seen`: the revision of what was said of the group, as it was shown; 0 where there was nothing. */
const seenRevision = z.coerce.number().int().min(0).max(1_000_000_000)

export const triageForm = z.object({
  state: z.enum(TRIAGE_STATES),
  version: typed.default(''),
  /** As `typedMoment`. */
  until: z.string().max(30).trim().default(''),
  more: typed.default(''),
  reason,
  requestId,
  seen: seenRevision,
})

export type TriageForm = z.output<typeof triageForm>

export const noteForm = z.object({
  note: z
    .string()
    .max(MAX_BODY_BYTES)
    .transform((value) => value.replaceAll('\r\n', '\n').trim()),
  requestId,
  seen: seenRevision,
})

export type NoteForm = z.output<typeof noteForm>

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
