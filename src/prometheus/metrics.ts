/** All metrics, as a table: names, help texts and labels. Every label has few values: definitions and steps are code, the rest are lists. */

/** Seconds: from a saga that takes no time to one that takes a month. */
const SAGA_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000]
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const BATCH_SIZES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000]

/** What this process has done, counted from its start. */
export const COUNTERS = {
  executions: {
    name: 'saga_executions_total',
    help: 'Sagas that came to rest in this worker, by the status that they came to. A dead letter that goes on counts again.',
    labelNames: ['definition', 'status'],
  },
  turns: {
    name: 'saga_turns_total',
    help: 'Sagas that turned back, by cause: failure, cancel, compensate, deadline, parent, revert.',
    labelNames: ['definition', 'cause'],
  },
  compensations: {
    name: 'saga_compensations_total',
    help: 'Steps that were undone, without those that had nothing to undo.',
    labelNames: ['definition', 'step'],
  },
  attempts: {
    name: 'saga_attempts_total',
    help: 'Attempts that ended, by outcome: succeeded, rejected, not_applied, in_doubt, timed_out, lost, late.',
    labelNames: ['definition', 'step', 'side', 'outcome'],
  },
  retries: {
    name: 'saga_retries_total',
    help: 'Attempts that failed and are followed by another one.',
    labelNames: ['definition', 'step', 'side'],
  },
  takeovers: { name: 'saga_takeovers_total', help: 'Dead workers that this worker took over.', labelNames: [] },
  takenOver: {
    name: 'saga_taken_over_jobs_total',
    help: 'Attempts that were recorded as lost with workers that this worker took over.',
    labelNames: [],
  },
  fetched: { name: 'saga_fetched_jobs_total', help: 'Jobs that this worker fetched.', labelNames: [] },
  mended: {
    name: 'saga_mended_total',
    help: 'What the watchdog of this worker put back, by what it was: job, timer, place, dead_letter, reason.',
    labelNames: ['what'],
  },
  sessionsLost: {
    name: 'saga_sessions_lost_total',
    help: 'Times at which this worker lost its own session with the database.',
    labelNames: [],
  },
  refreshFailures: {
    name: 'saga_refresh_failures_total',
    help: 'Times at which the gauges could not be read from the database; they are absent until they can.',
    labelNames: [],
  },
} as const

export const HISTOGRAMS = {
  duration: {
    name: 'saga_duration_seconds',
    help: 'From the start of a saga until it came to rest, by the status that it came to.',
    labelNames: ['definition', 'status'],
    buckets: SAGA_SECONDS,
  },
  commit: {
    name: 'saga_commit_seconds',
    help: 'Time that this worker took to commit a batch of attempts.',
    labelNames: [],
    buckets: COMMIT_SECONDS,
  },
  batch: {
    name: 'saga_commit_batch_size',
    help: 'Attempts and timers that were committed together.',
    labelNames: [],
    buckets: BATCH_SIZES,
  },
} as const

/** What the database holds, the same for every process that asks: read with a scrape, by those that were given a client. */
export const GAUGES = {
  live: {
    name: 'saga_live',
    help: 'Sagas that go on by themselves, by status: pending, running, compensating. Up to 10001.',
    labelNames: ['status'],
  },
  deadLetters: {
    name: 'saga_dead_letters',
    help: 'Sagas that need a person, by definition, reason and error group. Beyond the 20 largest groups: definition, reason and group are "other". Up to 10001 a group.',
    labelNames: ['definition', 'reason', 'group'],
  },
  withheld: {
    name: 'saga_withheld',
    help: 'Sagas that wait for a hold to be released (hold), or for a worker that has their code (code). Up to 10001.',
    labelNames: ['why'],
  },
  depth: {
    name: 'saga_queue_depth',
    help: 'Jobs that no worker has fetched yet. Counted up to 10001.',
    labelNames: [],
  },
  oldest: {
    name: 'saga_queue_oldest_seconds',
    help: 'How long the oldest job that no worker has fetched has waited; 0 when there is none.',
    labelNames: [],
  },
  timers: { name: 'saga_timers_due', help: 'Timers that are due and have not fired. Up to 10001.', labelNames: [] },
  overdue: {
    name: 'saga_timer_overdue_seconds',
    help: 'For how long the oldest timer that has not fired has been due; 0 when there is none.',
    labelNames: [],
  },
  workers: {
    name: 'saga_workers',
    help: 'Workers that gave a sign of life within half a minute.',
    labelNames: [],
  },
  breakers: { name: 'saga_breakers_open', help: 'Breakers that are not closed.', labelNames: [] },
  untold: {
    name: 'saga_alerts_untold',
    help: 'Alerts on dead letters that have not got through at the first try, and not since.',
    labelNames: [],
  },
} as const
