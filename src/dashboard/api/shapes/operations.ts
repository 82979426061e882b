/** Error groups, and operations over many sagas, as the API takes and answers them. */
import { z } from 'zod'
import { ITEM_OUTCOMES, ITEM_STATES, OPERATION_STATES, OPERATION_VERBS } from '../../../engine/store/operations.ts'
import {
  count,
  cursor,
  filterBody,
  filterWords,
  id,
  moment,
  named,
  number,
  pageQuery,
  reason,
  requestId,
  status,
  why,
  yes,
} from './parts.ts'
import { shownPlan } from './sagas.ts'
import { triage } from './triage.ts'

export const errorGroup = named(
  'ErrorGroup',
  z.strictObject({
    id: z.string(),
    definition: z.string(),
    step: z.string().nullable(),
    direction: z.enum(['forward', 'backward']),
    reason,
    message: z.string().nullable().describe('Of the newest of them, as the dashboard’s redact gives it.'),
    code: z.string().nullable(),
    count: count.describe('Up to 10001.'),
    firstSeenAt: moment,
    lastSeenAt: moment,
    triage: triage.nullable(),
  }),
)

export const errorGroups = named('ErrorGroups', z.strictObject({ groups: z.array(errorGroup) }))

const verb = z.enum(OPERATION_VERBS)
const as = z.enum(['completed', 'compensated'])

/** As it was pinned, by the engine's names. */
const pinned = z.record(z.string(), z.unknown()).describe('The filter as it was pinned.')

const change = z.strictObject({
  change: z.enum(['started', 'paused', 'resumed', 'aborted', 'done']),
  at: moment,
  actor: z.string(),
  reason: z.string(),
  requestId: z.string().optional(),
})

export const operation = named(
  'Operation',
  z.strictObject({
    id,
    verb,
    options: z.strictObject({ as: as.optional(), pastPivot: z.boolean().optional() }),
    filter: pinned,
    actor: z.string(),
    reason: z.string(),
    rate: z.number().describe('Sagas a second.'),
    canary: count,
    state: z.enum(OPERATION_STATES),
    more: z.boolean().describe('The filter gave more sagas than it takes.'),
    counts: z.strictObject({
      total: count,
      waiting: count,
      refused: count,
      failed: count,
      underWay: count,
      completed: count,
      compensated: count,
      deadLettered: count,
      resolved: count,
      paused: count,
      gone: count,
    }),
    log: z.array(change),
    createdAt: moment,
    updatedAt: moment,
    finishedAt: moment.nullable(),
    settledAt: moment.nullable(),
  }),
)

export const operationPage = named('OperationPage', z.strictObject({ operations: z.array(operation), cursor }))

export const operationChanged = named('OperationChanged', z.strictObject({ operation, repeated: z.boolean() }))

const item = named(
  'OperationItem',
  z.strictObject({
    position: z.int(),
    sagaId: id,
    state: z.enum(ITEM_STATES),
    outcome: z.enum(ITEM_OUTCOMES).nullable(),
    code: z.string().nullable(),
    message: z.string().nullable(),
    newSagaId: id.nullable(),
    orderedAt: moment.nullable(),
    endedAt: moment.nullable(),
  }),
)

export const itemPage = named('OperationItemPage', z.strictObject({ items: z.array(item), cursor }))

/** What was seen of it, to be handed in with the start. */
const seen = named(
  'Seen',
  z.strictObject({
    count: count.describe('Sagas that the filter gave.'),
    fitting: count.describe('Those of them that would have taken the verb.'),
    more: z.boolean(),
    others: z.array(id).max(100).describe('Operations over the same sagas that had not ended.'),
  }),
)

export const preview = named(
  'OperationPreview',
  z.strictObject({
    count,
    more: z.boolean(),
    fitting: count,
    refused: z.array(z.strictObject({ status, reason: z.string(), count })),
    sample: z.array(z.strictObject({ sagaId: id, status, plan: shownPlan.nullable() })),
    others: z.array(operation).describe('Operations over the same sagas that have not ended.'),
    may: z.boolean().describe('Whether you have the rights.'),
    seen: seen.describe('Hand it in with the start.'),
  }),
)

export const previewQuery = z.strictObject({
  verb,
  'past-pivot': yes.optional().describe('Of compensate: also where the pivot is passed.'),
  ...filterWords,
})

export const startBody = z.strictObject({
  verb,
  pastPivot: z.boolean().optional(),
  as: as.optional().describe('Of resolve: as what they were handled.'),
  filter: filterBody,
  canary: z.int().min(0).max(1_000).default(0).describe('So many first; the others wait for what becomes of these.'),
  rate: z.number().min(0.001).max(1_000).default(10).describe('Sagas a second.'),
  seen: seen.describe('What the preview said. Where less of it is left, nothing is started.'),
  reason: why,
  requestId,
})

export const operationsQuery = z.strictObject({ state: z.enum(OPERATION_STATES).optional(), ...pageQuery })

export const itemsQuery = z.strictObject({
  state: z.enum(ITEM_STATES).optional(),
  outcome: z.enum(ITEM_OUTCOMES).optional(),
  ...pageQuery,
})

export const groupsQuery = z.strictObject({
  limit: number(1, 100).optional().describe('At most, the largest first. 50 by default.'),
  ...filterWords,
})
