/** Triage and audit as the API takes and answers them. */
import { z } from 'zod'
import { TRIAGE_STATES } from '../../../engine/store/triage.ts'
import { count, cursor, id, moment, named, pageQuery, reason, requestId, storable, why, yes } from './parts.ts'

const state = z.enum(TRIAGE_STATES)

export const triage = named(
  'Triage',
  z.strictObject({
    errorGroup: z.string(),
    definition: z.string(),
    step: z.string().nullable(),
    direction: z.enum(['forward', 'backward']),
    reason,
    state,
    said: state.describe('As it was said: beside `open`, it has come back, or its time is over.'),
    version: z.int().nullable(),
    until: moment.nullable(),
    untilMore: z.int().nullable(),
    came: count,
    by: z.string().nullable(),
    why: z.string().nullable(),
    at: moment.nullable(),
    note: z.string().nullable(),
    noteBy: z.string().nullable(),
    noteAt: moment.nullable(),
    revision: z.int().describe('Hand it in as seen.'),
  }),
)

const seen = count.describe('The revision that was looked at; 0 where there was none.')

export const triageBody = z.strictObject({
  state,
  version: z.int().min(1).max(1_000_000_000).optional().describe('Of resolved: in this version of the definition.'),
  until: z.iso.datetime({ offset: true }).max(40).optional().describe('Of ignored: until then.'),
  untilMore: z.int().min(1).max(1_000).optional().describe('Of ignored: until so many more have come.'),
  seen,
  reason: why,
  requestId,
})

export const noteBody = z.strictObject({ note: storable(1_000).min(1).nullable(), seen, requestId })

const entry = named(
  'AuditEntry',
  z.strictObject({
    at: moment,
    id,
    sequence: z.int(),
    actor: z.string(),
    action: z.string(),
    reason: z.string().nullable(),
    requestId: z.string().nullable(),
    sagaId: id.nullable(),
    definition: z.string().nullable(),
    errorGroup: z.string().nullable(),
    about: z.record(z.string(), z.unknown()),
    deniedTimes: z.int().nullable().describe('It was refused, so many times in that minute; null: it was done.'),
  }),
)

export const auditPage = named('AuditPage', z.strictObject({ entries: z.array(entry), cursor }))

const when = z.iso.datetime({ offset: true }).max(40).optional()

export const auditQuery = z.strictObject({
  ...pageQuery,
  actor: storable(200).optional(),
  action: storable(200).optional(),
  definition: storable(200).optional(),
  saga: id.optional(),
  'error-group': storable(100).optional(),
  from: when,
  to: when,
  denied: yes.optional().describe('Only what was refused.'),
})
