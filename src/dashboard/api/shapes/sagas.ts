/** Sagas as the API answers them. */
import { z } from 'zod'
import { count, cursor, errorInfo, id, moment, named, payload, reason, status, stepState, wait } from './parts.ts'

const summary = {
  id,
  definition: z.string(),
  version: z.int(),
  key: z.string().nullable(),
  status,
  waiting: wait.nullable().describe('What a live saga waits for.'),
  paused: z.boolean(),
  priority: z.int(),
  reason: reason.nullable(),
  errorGroup: z.string().nullable(),
  failure: z.strictObject({ step: z.string(), error: errorInfo }).nullable().describe('The step that failed first.'),
  tags: z.array(z.string()),
  rerunOf: id.nullable(),
  concurrencyKey: z.string().nullable(),
  correctionOf: id.nullable(),
  deadlineAt: moment.nullable(),
  createdAt: moment,
  updatedAt: moment,
  finishedAt: moment.nullable(),
}

export const sagaSummary = named('SagaSummary', z.strictObject(summary))

export const sagaPage = named(
  'SagaPage',
  z.strictObject({
    sagas: z.array(sagaSummary),
    cursor,
    endedEarly: z
      .literal(true)
      .optional()
      .describe('No index serves the filter, and only so many sagas were looked at: more may lie behind the cursor.'),
  }),
)

export const exportAnswer = named(
  'SagaExport',
  z.strictObject({ sagas: z.array(sagaSummary), cut: z.boolean().describe('There were more than it may write.') }),
)

const step = named(
  'Step',
  z.strictObject({
    name: z.string(),
    state: stepState,
    attempts: count,
    compensationAttempts: count,
    builds: z.array(z.string()),
    inDoubt: z.boolean().describe('It may have taken effect.'),
    error: errorInfo.optional(),
    chosen: z.string().nullable().optional(),
    items: z.strictObject({ count, byState: z.partialRecord(stepState, count) }).optional(),
    fellBackOn: z.string().optional(),
    startedAt: moment.optional(),
    endedAt: moment.optional(),
  }),
)

export const saga = named(
  'Saga',
  z.strictObject({
    ...summary,
    direction: z.enum(['forward', 'backward']),
    draining: z.boolean(),
    erased: z.boolean(),
    pivotPassed: z.boolean(),
    resolvedAs: z.enum(['completed', 'compensated']).nullable(),
    blueprint: z.string().nullable().describe('The hash of the shape that it follows.'),
    steps: z.array(step),
    fits: z.array(z.string()).describe('What can be ordered of it now.'),
  }),
)

export const payloads = named(
  'Payloads',
  z.strictObject({
    sagaId: id,
    erased: z.boolean(),
    input: payload,
    results: z.record(z.string(), payload).describe('By step, of those that have one.'),
  }),
)

const journalEntry = named(
  'JournalEntry',
  z.strictObject({
    sequence: z.int(),
    at: moment,
    type: z.string(),
    event: z.record(z.string(), z.unknown()).describe('The rest of the event, by its type.'),
    payload: payload.optional(),
    worker: z.string().nullable(),
    build: z.string().nullable(),
  }),
)

export const journalPage = named(
  'JournalPage',
  z.strictObject({
    entries: z.array(journalEntry),
    next: z.int().optional().describe('Hand it back as after; absent on the last page.'),
  }),
)

const planStep = named(
  'PlanStep',
  z.strictObject({
    step: z.string(),
    will: z.enum(['finish', 'run', 'compensate', 'verify', 'stay_done', 'stay_in_doubt']),
    items: count.optional(),
  }),
)

export const shownPlan = named(
  'Plan',
  z.strictObject({
    order: z.enum(['retry', 'compensate', 'cancel', 'revert']),
    steps: z.array(planStep),
    waitsForPivot: z.boolean(),
    hash: z.string().describe('The act is held to the plan by it.'),
  }),
)

export const planAnswer = named(
  'PlanAnswer',
  z.strictObject({
    sagaId: id,
    act: z.string(),
    may: z.boolean().describe('Whether you have the right.'),
    plan: shownPlan,
  }),
)

export const actAnswer = named(
  'Done',
  z.strictObject({
    sagaId: id,
    act: z.string(),
    repeated: z.boolean().describe('It had been done already, by the same request.'),
    newSagaId: id.optional().describe('Of a rerun.'),
  }),
)

export const countsAnswer = named(
  'Counts',
  z.strictObject({
    cap: z.int().describe('A state is counted up to here.'),
    counts: z.record(status, count),
  }),
)
