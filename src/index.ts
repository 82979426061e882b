/** The public API: re-exports only. */
export { fromDrizzle, fromKnex, fromKysely, fromPrisma } from 'pg-boss'
export { createSagaClient } from './compose/client.ts'
export { createSagaEngine, SagaEngine } from './compose/engine.ts'
export { leftBehind } from './compose/left-behind.ts'
export { migrate, type PlannedMigrations, plannedMigrations } from './compose/migrate.ts'
export type { AppTransaction, MaintenanceTime, SagaClientOptions, SagaEngineOptions } from './compose/options.ts'
export { type ExamineOptions, examine } from './doctor/examine.ts'
export type { DoctorReport, Finding, Level } from './doctor/finding.ts'
export type { Action, Authorize, Target } from './engine/access.ts'
export type { By, PlannedBy } from './engine/acts.ts'
export type { AnalysisReport } from './engine/analyzing.ts'
export type { Audit, AuditPage } from './engine/audit.ts'
export type { CleanupReport } from './engine/cleanup.ts'
export { defineContract } from './engine/contract.ts'
export type { Blueprint } from './engine/core/blueprint.ts'
export type { SagaEvent, SagaEventType } from './engine/core/events.ts'
export type {
  DeadLetterReason,
  FinishedStatus,
  Side,
  Status,
  StepStatus,
  Verdict,
  Wait,
} from './engine/core/machine.ts'
export type { Plan, PlanStep } from './engine/core/plan.ts'
export type { ErrorInfo } from './engine/core/state.ts'
export type { StatisticsReport } from './engine/counting.ts'
export { type DefineSaga, SagaDefinition, sagasFor } from './engine/define-saga.ts'
export type { AnyDefinition, Contract, Definition, InputOf, ResultsOf, ServicesOf, TxOf } from './engine/definition.ts'
export type { DefinitionView, VersionView } from './engine/definition-views.ts'
export type { Duration } from './engine/duration.ts'
export type { Duty, Logged, RecoveryOutcome, RecoveryReport } from './engine/duties.ts'
export {
  SagaError,
  type SagaErrorCode,
  type SagaErrorDetails,
  type StepErrorOptions,
  StepNotApplied,
  StepRejected,
} from './engine/errors.ts'
export type { Excerpts, PayloadText, SagaOutline } from './engine/excerpts.ts'
export { FILTER_WORDS, type FilterWord, filterFromText, momentFromText } from './engine/filter-text.ts'
export { type GrantOptions, grantsFor, SQL_ROLES, type SqlRole } from './engine/grants.ts'
export { graphOf, sequenceOf } from './engine/graph.ts'
export type { KeepFor, KeepingOptions } from './engine/keeping.ts'
export type { DeployReport, LeftBehind } from './engine/left-behind.ts'
export { changesSince, type LockChange, type LockFile, lockOf, readLock } from './engine/lock-file.ts'
export type { Maintenance, MaintenanceOptions } from './engine/maintenance.ts'
export type { Operation, OperationCounts, OperationOrder, OperationStart } from './engine/operation-order.ts'
export type { OperationPreview } from './engine/operation-preview.ts'
export type { OperationResultsPage, Operations, OperationsPage } from './engine/operations.ts'
export type { Done, Operator, ShownPlan } from './engine/operator.ts'
export type { HoldScope, HoldView } from './engine/operator-holds.ts'
export type { TriageBy, TriageOrder } from './engine/operator-triage.ts'
export type { RecoveringOptions, WhenStuck } from './engine/recovering.ts'
export { type PayloadAbout, type PayloadCodec, Unreadable, type UnreadableCode } from './engine/runtime/encoding.ts'
export type { EventMessage, EventsOption } from './engine/runtime/event-messages.ts'
export type { Logger } from './engine/runtime/ports.ts'
export type { Started, StartOptions } from './engine/runtime/start.ts'
export type { ReadingLimits, SagaClient, SagaGauges } from './engine/saga-client.ts'
export type { SagaOutcome, SagaView, StepView } from './engine/saga-view.ts'
export { defineSchedule, type Schedule, type ScheduleOptions } from './engine/schedule.ts'
export type { StartingOptions, WhenBusy } from './engine/starting.ts'
export type { EnqueueItem, EnqueueOptions, EnqueueResult } from './engine/starts.ts'
export type * from './engine/step-types.ts'
export type { DeadLetterAlert } from './engine/store/alerts.ts'
export type { AuditAbout, AuditEntry, AuditFilter } from './engine/store/audit.ts'
export type { CompensatedStep, SagaFilter } from './engine/store/conditions.ts'
export type { Db } from './engine/store/db.ts'
export type { ErrorGroup } from './engine/store/error-groups.ts'
export type { Flights } from './engine/store/flights.ts'
export type { DeadLetterCount, DeadLetterHour } from './engine/store/health.ts'
export type { HoldRow, PacedRelease } from './engine/store/holds.ts'
export type { JournalEntry } from './engine/store/journal.ts'
export type { ItemSpan, JournalLine } from './engine/store/journal-parts.ts'
export type { MaintenanceEntry } from './engine/store/maintenance-log.ts'
export type { OperationResult } from './engine/store/operation-items.ts'
export type {
  ItemOutcome,
  ItemState,
  OperationChange,
  OperationState,
  OperationVerb,
} from './engine/store/operations.ts'
export type { Page, SagaSummary } from './engine/store/reading.ts'
export type { Recent, RecentStatistics } from './engine/store/recent.ts'
export type { HourStatistics } from './engine/store/statistics.ts'
export type { Triage, TriageState } from './engine/store/triage.ts'
export type { WorkerView } from './engine/store/worker-views.ts'
export type { Attention, QueueView, ScheduleView, System } from './engine/system.ts'
export type { AppBoss } from './jobs/app-boss.ts'
export { fromPg } from './jobs/pools.ts'
export type { AlertLink, WebhookOption } from './jobs/webhook.ts'
export type { WorkerEvent } from './jobs/worker.ts'
