/** What there is beside sagas, as the API takes and answers it: definitions, holds, workers, queues, maintenance, figures. */
import { z } from 'zod'
import { DUTIES, LOGGED } from '../../../engine/duties.ts'
import { count, id, moment, named, number, reason, requestId, side, storable, why } from './parts.ts'

const release = z.strictObject({
  actor: z.string(),
  reason: z.string(),
  at: moment,
  rate: z.number().describe('Sagas a second.'),
  letGo: count,
})

export const hold = named(
  'Hold',
  z.strictObject({
    id,
    definition: z.string(),
    step: z.string().nullable(),
    names: z.array(z.string()).nullable().describe('All names that the step has or had.'),
    side: side.nullable(),
    actor: z.string(),
    reason: z.string(),
    createdAt: moment,
    release: release.nullable().describe('null while it is in force.'),
    waiting: count.describe('Sagas that wait for it, up to 10001.'),
    stand: z.string().describe('How it stands: hand it in with the release.'),
  }),
)

export const holds = named('Holds', z.strictObject({ holds: z.array(hold) }))

export const holdBody = z.strictObject({
  definition: storable(200),
  step: storable(200).optional(),
  side: side.optional(),
  seen: z.array(id).max(100).default([]).describe('Holds on the same that were seen: another one is told of instead.'),
  reason: why,
  requestId,
})

export const holdPlaced = named('HoldPlaced', z.strictObject({ id, repeated: z.boolean() }))

export const releaseBody = z.strictObject({
  rate: z.number().min(0.001).max(1_000).optional().describe('Sagas a second; all at once without it.'),
  stand: z.string().max(200).describe('How the hold stood when it was seen.'),
  reason: why,
  requestId,
})

export const holdReleased = named(
  'HoldReleased',
  z.strictObject({
    id,
    sagas: count.describe('Set going; of a release at a rate, those that wait for their turn.'),
    repeated: z.boolean(),
  }),
)

const stepShape = {
  node: z.literal('step'),
  name: z.string(),
  kind: z.enum(['external', 'transactional', 'child']),
  compensation: z.boolean(),
  compensateWhen: z.literal('completed').optional(),
  verify: z.literal(true).optional(),
  pivot: z.literal(true).optional(),
  formerly: z.array(z.string()).optional(),
}

const stepNode: z.ZodType = named(
  'StepNode',
  z.strictObject({
    ...stepShape,
    get fallback(): z.ZodType {
      return stepNode.optional()
    },
  }),
)

const node: z.ZodType = named(
  'Node',
  z.union([
    stepNode,
    z.strictObject({
      node: z.literal('parallel'),
      name: z.string(),
      get lanes(): z.ZodType {
        return z.array(z.array(node))
      },
      abort: z.literal(true).optional(),
    }),
    z.strictObject({
      node: z.literal('branch'),
      name: z.string(),
      get options(): z.ZodType {
        return z.record(z.string(), z.array(node))
      },
      formerly: z.array(z.string()).optional(),
    }),
    z.strictObject({
      node: z.literal('map'),
      name: z.string(),
      item: stepNode,
      collect: z.literal(true).optional(),
      formerly: z.array(z.string()).optional(),
    }),
  ]),
)

const version = {
  version: z.int(),
  shapes: count.describe('How many it has had.'),
  workers: z.array(z.string()).describe('Live workers that have its code.'),
  underWay: count,
  deadLetters: count,
}

export const definitions = named(
  'Definitions',
  z.strictObject({
    definitions: z.array(z.strictObject({ name: z.string(), versions: z.array(z.strictObject(version)) })),
  }),
)

const shape = z.strictObject({
  format: z.int(),
  definition: z.string(),
  version: z.int(),
  nodes: z.array(node),
  hooks: z.array(z.string()),
})

export const definition = named(
  'Definition',
  z.strictObject({
    name: z.string(),
    versions: z.array(z.strictObject({ ...version, blueprint: shape.nullable() })).describe('The newest first.'),
    holds: z.array(hold),
  }),
)

const worker = named(
  'Worker',
  z.strictObject({
    id: z.string(),
    host: z.string(),
    pid: z.int(),
    build: z.string().nullable(),
    definitions: z.array(z.string()),
    startedAt: moment,
    heartbeatAt: moment,
    isAlive: z.boolean(),
    holdsLock: z.boolean(),
    claimedJobs: count,
  }),
)

export const workers = named('Workers', z.strictObject({ workers: z.array(worker) }))

const queue = named(
  'Queue',
  z.strictObject({
    name: z.string(),
    purpose: z.enum(['steps', 'lost', 'maintenance', 'schedules', 'dead_letters', 'events']),
    isTakenByWorkers: z.boolean(),
    waiting: count,
    later: count,
    oldestMs: z.number().nullable(),
  }),
)

export const queues = named('Queues', z.strictObject({ queues: z.array(queue) }))

const schedule = z.strictObject({
  name: z.string(),
  kind: z.enum(['saga', 'maintenance']),
  cron: z.string(),
  tz: z.string(),
  nextAt: moment.nullable(),
})

export const schedules = named('Schedules', z.strictObject({ schedules: z.array(schedule) }))

export const maintenanceEntry = named(
  'MaintenanceEntry',
  z.strictObject({
    id,
    duty: z.string(),
    by: z.string(),
    isDry: z.boolean(),
    startedAt: moment,
    finishedAt: moment.nullable(),
    outcome: z.record(z.string(), z.unknown()).nullable(),
    error: z.string().nullable(),
  }),
)

export const maintenanceLog = named('MaintenanceLog', z.strictObject({ entries: z.array(maintenanceEntry) }))

export const logQuery = z.strictObject({
  duty: z.enum(LOGGED).optional(),
  limit: number(1, 500).optional().describe('At most. 50 by default.'),
})

export const dutyBody = z.strictObject({ dryRun: z.boolean().describe('Only what it would do.') })

export const dutyAnswer = named(
  'DutyDone',
  z.strictObject({
    duty: z.enum(DUTIES),
    entry: maintenanceEntry.nullable().describe('Of the log; without an end where it is still under way.'),
  }),
)

const flights = z.strictObject({
  definition: z.string(),
  version: z.int(),
  blueprint: z.string().nullable(),
  sagas: count,
  deadLetters: count,
  commands: count,
})

export const attention = named(
  'Attention',
  z.strictObject({
    deadLetters: z.array(z.strictObject({ reason, count, oldestAt: moment })),
    ignored: count.describe('Beside them, those of error groups that somebody ignores.'),
    overdueTimers: z.strictObject({ count, oldestMs: z.number() }),
    underWay: z.array(flights),
    mayBeMore: z.boolean(),
  }),
)

export const overview = named(
  'Overview',
  z.strictObject({
    concerns: z.array(
      z.strictObject({
        about: z.string(),
        tone: z.string(),
        says: z.string(),
        page: z.string().describe('Of the dashboard, below its base.'),
      }),
    ),
    attention,
  }),
)

const hour = z.strictObject({
  hour: moment,
  definition: z.string(),
  started: count,
  completed: count,
  compensated: count,
  resolved: count,
  deadLettered: count,
  meanMs: z.number().nullable(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
})

export const statistics = named('Statistics', z.strictObject({ from: moment, to: moment, hours: z.array(hour) }))

const when = z.iso.datetime({ offset: true }).max(40)

export const statisticsQuery = z.strictObject({
  from: when.optional().describe('A moment; a day before the end by default.'),
  to: when.optional().describe('A moment; now by default.'),
  definition: storable(200).optional(),
})

export const me = named(
  'Me',
  z.strictObject({
    actor: z.strictObject({ id: z.string(), name: z.string().nullable(), role: z.string().nullable() }),
    rights: z
      .record(z.string(), z.boolean())
      .describe('By action; of all sagas, or of the definition that was asked for.'),
  }),
)

export const meQuery = z.strictObject({ definition: storable(200).optional() })
