/**
 * What a worker sees to beside running steps, each in a loop of its own: timers and lines, what waits for code or a hold,
 * what was lost, who is dead, operations, alerts, what SQL users have asked for, what is due by the clock, and the watchdog.
 * None of them decides anything: they hand items to the committer.
 */
import type { Duty, SeeTo } from '../engine/duties.ts'
import type { Inbox } from '../engine/inbox.ts'
import type { OperationRounds } from '../engine/operation-rounds.ts'
import type { Applier, Item } from '../engine/runtime/apply.ts'
import { breakersOf, type CodeShelf } from '../engine/runtime/limits.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Schedule } from '../engine/schedule.ts'
import type { Db } from '../engine/store/db.ts'
import { AlertLoop, type Channel } from './alert-loop.ts'
import type { AppBoss } from './app-boss.ts'
import { Breakers } from './breakers.ts'
import { CodeWatch } from './code-watch.ts'
import { InboxLoop } from './inbox-loop.ts'
import { LineLoop } from './line-loop.ts'
import { Losses } from './losses.ts'
import { LostJobs } from './lost-jobs.ts'
import { MaintenanceLoop } from './maintenance-loop.ts'
import { Mending } from './mending.ts'
import { OperationLoop } from './operation-loop.ts'
import type { Owner } from './owner.ts'
import { Releases } from './releases.ts'
import { ScheduleLoop, type ScheduleLoopOptions } from './schedule-loop.ts'
import { Stranded } from './stranded.ts'
import { Takeover } from './takeover.ts'
import { TimerLoop } from './timer-loop.ts'
import { Watchdog, type WatchdogReport } from './watchdog.ts'
import { WatchdogLog } from './watchdog-log.ts'

export type UpkeepOptions = {
  readonly connectionString: string
  readonly schema: string
  readonly bossSchema: string
  readonly boss: AppBoss
  readonly db: Db
  readonly applier: Applier
  /** A transaction of our own on a connection of the pool. */
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly code: CodeShelf
  /** What there is to do for operations over many sagas. */
  readonly rounds: OperationRounds
  /** What SQL users have asked for. */
  readonly inbox: Inbox
  readonly logger: Logger
  /** How long nobody may have the code of a saga before it is a dead letter. */
  readonly codeMissingAfterMs: number
  readonly watchdogEveryMs: number
  readonly seeTo: SeeTo
  /** That this worker knows. */
  readonly schedules: readonly Schedule[]
  readonly startScheduled: ScheduleLoopOptions['start']
  readonly alerts: { readonly channels: readonly Channel[]; readonly everyMs: number }
  readonly owner: Owner
  /** Whether the worker takes on anything new. */
  readonly isOpen: () => boolean
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
  /** Jobs were inserted. */
  readonly onJobs: () => void
  readonly onEvent: (event: UpkeepEvent) => void
}

export type UpkeepEvent =
  | { readonly type: 'taken_over'; readonly worker: string; readonly jobs: number }
  /** The watchdog has looked at all sagas that are not finished. */
  | { readonly type: 'watched'; readonly report: WatchdogReport }
  /** A duty of maintenance was due, and has been run by this worker. */
  | { readonly type: 'maintained'; readonly duty: Duty; readonly report: object }

export class Upkeep {
  readonly takeover: Takeover
  readonly timers: TimerLoop
  readonly lines: LineLoop
  readonly codeWatch: CodeWatch
  /** Closed by the worker itself, when what it runs has come to its end: that may be a probe. */
  readonly breakers: Breakers
  readonly #others: readonly { open(): void; close(): void | Promise<void> }[]

  constructor(options: UpkeepOptions) {
    const { schema, db, logger, applier, transaction, code, owner, submit, onEvent } = options
    const isActive = () => owner.isAlive
    const common = { schema, db, logger, isActive, submit }
    const losses = new Losses({ schema, db, code, shelf: applier.shelf, submit })
    this.takeover = new Takeover({
      schema,
      db,
      owner,
      logger,
      faults: applier.faults,
      lose: (jobs, ran) => losses.record(jobs, { ran }),
      onTakenOver: (worker, jobs) => onEvent({ type: 'taken_over', worker, jobs }),
    })
    this.timers = new TimerLoop({ ...common, faults: applier.faults })
    this.lines = new LineLoop(common)
    this.codeWatch = new CodeWatch({ ...common, own: code.names(), missingAfterMs: options.codeMissingAfterMs })
    const isOpen = () => options.isOpen() && owner.isAlive
    const goingOn = { applier, db, transaction, logger, isActive: isOpen, onJobs: options.onJobs }
    this.breakers = new Breakers({ ...goingOn, breakers: breakersOf(code.all()) })
    const { connectionString, bossSchema, boss, rounds } = options
    const watchdogLog = new WatchdogLog(db, schema)
    const mending = new Mending({
      schema,
      bossSchema,
      applier,
      transaction,
      logger,
      lose: (jobs) => losses.record(jobs, { counted: false }),
      submit,
    })
    this.#others = [
      new LostJobs({ boss, db, logger, isActive, lose: (jobs) => losses.record(jobs) }),
      new Stranded(common),
      new Releases(goingOn),
      new AlertLoop({ schema, db, transaction, logger, isActive: isOpen, ...options.alerts }),
      new MaintenanceLoop({
        boss,
        db,
        seeTo: options.seeTo,
        logger,
        id: () => owner.identity.id,
        isActive: isOpen,
        onDone: (duty, report) => onEvent({ type: 'maintained', duty, report }),
      }),
      new ScheduleLoop({
        boss,
        db,
        transaction,
        schedules: options.schedules,
        start: options.startScheduled,
        logger,
        isActive: isOpen,
      }),
      new InboxLoop({
        schema,
        db,
        logger,
        inbox: options.inbox,
        own: code.names(),
        missingAfterMs: options.codeMissingAfterMs,
        isActive: isOpen,
      }),
      new OperationLoop({ connectionString, schema, db, logger, rounds, isActive }),
      new Watchdog({
        schema,
        bossSchema,
        db,
        transaction,
        logger,
        mending,
        everyMs: options.watchdogEveryMs,
        id: () => owner.identity.id,
        isActive,
        onDone: (report) => {
          onEvent({ type: 'watched', report })
          watchdogLog.write(owner.identity.id, report).catch((error: unknown) => {
            logger.warn({ error: String(error) }, 'what the watchdog found could not be written into the log')
          })
        },
      }),
    ]
  }

  open(): void {
    for (const loop of [this.takeover, this.timers, this.lines, this.codeWatch, this.breakers, ...this.#others])
      loop.open()
  }

  /** Nothing new is begun from now on. Resolves when what is under way is done, or takes too long. */
  async close(): Promise<void> {
    for (const loop of [this.takeover, this.timers, this.lines, this.codeWatch]) loop.close()
    await Promise.all(this.#others.map(async (loop) => loop.close()))
  }
}
