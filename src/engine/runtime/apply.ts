/**
 * One transaction's worth of transitions: lock → settle → decide → write → dispatch.
 *
 * The caller begins and commits. Everything that changes a saga goes through here: reports of attempts, timers,
 * takeovers, verbs; so a saga's state, its journal, the settling of the job that caused the change and the jobs and
 * timers that follow commit together or not at all (rule 1).
 */
import { type Blueprint, itemOf } from '../core/blueprint.ts'
import { type Command, commandsOf } from '../core/command.ts'
import { Series } from '../core/decide.ts'
import type { SagaEvent } from '../core/events.ts'
import type { Ignored, Input } from '../core/input.ts'
import type { Side } from '../core/machine.ts'
import type { SagaState } from '../core/state.ts'
import { SagaError } from '../errors.ts'
import { ERASED_PAYLOAD } from '../payload.ts'
import { type Db, inOneFlight } from '../store/db.ts'
import { type HoldsByDefinition, holdsFor, probedHold, readNowAndHolds } from '../store/holds.ts'
import { PAYLOAD_EVENTS } from '../store/journal.ts'
import { joinLinesDue, leaveLines, takeFronts } from '../store/line.ts'
import {
  type LockedRow,
  lockSagas,
  type Origin,
  type Ran,
  readSagas,
  type Write,
  writeTransitions,
} from '../store/sagas.ts'
import { clearTimers, removeTimers, setTimers, type Timer } from '../store/timers.ts'
import { removeClaims } from '../store/workers.ts'
import type { BlueprintShelf } from './blueprint-shelf.ts'
import { type EventMessage, messagesOf, type ToldTypes } from './event-messages.ts'
import { newId } from './ids.ts'
import type { DeliveredJob, Dispatcher, FaultPoints } from './ports.ts'
import { gather } from './work.ts'

/** What a worker remembers of a saga: used only while its revision is the stored one. */
export type CachedState = { readonly revision: number; readonly state: SagaState }

/** Something that happened to a saga, with what has to be settled in the same transaction. */
export type Item = {
  readonly sagaId: string
  readonly input: Input
  /** The delivery that reports. */
  readonly job?: DeliveredJob
  /** Goes with the event that completes the step: its result, as checked JSON text. */
  readonly payload?: string
  /** The timer that fired. */
  readonly timer?: Timer
  readonly cached?: CachedState | undefined
  readonly requestId?: string
  /** Who ran what it reports. */
  readonly ran?: Ran | undefined
}

export type Applied = {
  readonly item: Item
  readonly events: readonly SagaEvent[]
  readonly state: SagaState
  readonly revision: number
  readonly definition: string
  readonly ignored?: Ignored
  /** The revision that was decided on. */
  readonly base: number
  /** Steps of which other items of the same batch have brought payloads: whoever remembers the saga lacks them. Items of maps are left out. */
  readonly foreign: readonly string[]
  /** It has left the line of its concurrency key: another saga may come to the front. */
  readonly leftLine?: true
  /** Where somebody wants to know: when the saga began, and in whose trace. */
  readonly origin?: Origin
  /** The breaker's hold that the saga passes: the breaker looks what becomes of it. */
  readonly probes?: string
}

export type Batch = {
  readonly applied: readonly Applied[]
  /** Somebody else has their sagas: they come again in the caller's next round. */
  readonly skipped: readonly Item[]
  /** Their sagas do not exist (any more). */
  readonly orphans: readonly Item[]
  /** The moment that was decided with, in ms. */
  readonly now: number
}

/** Thrown when sagas were busy that had jobs settled already: the caller rolls back and leaves them out. */
export class BusySagas extends Error {
  readonly items: readonly Item[]

  constructor(items: readonly Item[]) {
    super(`${items.length} sagas of this batch are locked elsewhere.`)
    this.items = items
  }
}

export type Applier = {
  readonly schema: string
  readonly dispatcher: Dispatcher
  readonly shelf: BlueprintShelf
  readonly faults: FaultPoints
  /** How long pg-boss waits for a job of that step before it counts it as lost, in seconds. */
  expiry(saga: OfSaga, step: string, side: Side): number
  /** The group of that step's jobs, where this process knows of one. */
  group(saga: OfSaga, step: string): string | undefined
  /** Which events others are told, in the same transaction; `undefined` for none. */
  readonly told: ToldTypes | undefined
  /** Whether somebody wants to know of each saga when it began, and in whose trace. */
  wantsOrigins(): boolean
}

/** What names the code of a saga. */
export type OfSaga = { readonly definition: string; readonly version: number; readonly blueprint: string | null }

/**
 * Applies what happened, in order, saga by saga.
 *
 * Transaction: required, READ COMMITTED. Locks: saga rows in id order (skipping those that are busy, unless `wait`),
 * then jobs, then the journal.
 * @param claims finished with, to be removed in the same transaction.
 * @throws BusySagas when a saga whose job was settled turned out to be locked elsewhere.
 */
export async function applyBatch(
  applier: Applier,
  db: Db,
  items: readonly Item[],
  options: { readonly wait: boolean; readonly claims?: readonly string[] },
): Promise<Batch> {
  const { schema, dispatcher } = applier
  const bySaga = groupBySaga(items)
  const wanted = [...bySaga].map(([id, group]) => ({ id, revision: newest(group)?.revision ?? 0 }))
  const jobs = items.flatMap((item) => (item.job === undefined ? [] : [item.job]))
  const lock = () =>
    lockSagas(db, schema, wanted, { ...options, keys: applier.told !== undefined, origins: applier.wantsOrigins() })
  const settle = () => (jobs.length === 0 ? Promise.resolve(new Set<string>()) : dispatcher.settle(db, jobs))
  const [rows, settled, { now, holds }] = await inOneFlight(db, lock, settle, () => readNowAndHolds(db, schema))
  applier.faults('locked')

  const locked = new Map(rows.map((row) => [row.id, row]))
  const { skipped, orphans } = await missing(applier, db, bySaga, locked)
  const late = await superseded(applier, db, items, settled)
  await applier.shelf.load(
    db,
    rows.map((row) => row.blueprint),
  )
  const decided = { now, holds, late }
  const transitions = [...bySaga].flatMap(([id, group]) => {
    const row = locked.get(id)
    return row === undefined ? [] : [decideSaga(applier, row, group, decided)]
  })
  applier.faults('settled')
  const applied = transitions.flatMap((transition) => transition.applied)
  // Not those of the skipped: their timers have to be there when they come again, from this process or another.
  const handled = [...applied.map(({ item }) => item), ...orphans]
  await write(applier, db, transitions, handled, options.claims ?? [])
  applier.faults('written')
  return { applied, skipped, orphans, now }
}

/** What is remembered of one saga is of one moment for each of its items: the last one counts. */
function newest(group: readonly Item[]): CachedState | undefined {
  let found = group[0]?.cached
  for (const { cached } of group) if (cached !== undefined && cached.revision > (found?.revision ?? 0)) found = cached
  return found
}

function groupBySaga(items: readonly Item[]): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(item.sagaId)
    if (group === undefined) groups.set(item.sagaId, [item])
    else group.push(item)
  }
  return groups
}

/** Tells sagas that are busy from sagas that are gone. Rare, so the common case costs no statement. */
async function missing(
  applier: Applier,
  db: Db,
  bySaga: ReadonlyMap<string, readonly Item[]>,
  locked: ReadonlyMap<string, LockedRow>,
): Promise<{ skipped: readonly Item[]; orphans: readonly Item[] }> {
  if (locked.size === bySaga.size) return { skipped: [], orphans: [] }
  const absent = [...bySaga.keys()].filter((id) => !locked.has(id))
  const stored = new Set((await readSagas(db, applier.schema, absent)).map((row) => row.id))
  const of = (ids: readonly string[]) => ids.flatMap((id) => bySaga.get(id) ?? [])
  const skipped = of(absent.filter((id) => stored.has(id)))
  // Their jobs are settled already, in this very transaction: it must not commit.
  if (skipped.some((item) => item.job !== undefined)) throw new BusySagas(skipped)
  return { skipped, orphans: of(absent.filter((id) => !stored.has(id))) }
}

/** Jobs that this delivery no longer owned, because the same job was delivered again: what it says is late (rule 4). */
async function superseded(
  applier: Applier,
  db: Db,
  items: readonly Item[],
  settled: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const unsettled = items.flatMap((item) => (item.job === undefined || settled.has(item.job.id) ? [] : [item.job.id]))
  return unsettled.length === 0 ? new Set() : applier.dispatcher.owned(db, unsettled)
}

export type Transition = {
  readonly row: LockedRow
  readonly before: SagaState
  readonly after: SagaState
  readonly events: readonly SagaEvent[]
  readonly write: Write | undefined
  readonly commands: readonly Command[]
  readonly applied: readonly Applied[]
  /** What of it others are told. */
  readonly messages: readonly EventMessage[]
}

type Decided = {
  readonly now: number
  readonly holds: HoldsByDefinition
  readonly late: ReadonlySet<string>
}

function decideSaga(applier: Applier, row: LockedRow, group: readonly Item[], decided: Decided): Transition {
  const before = row.state ?? newest(group)?.state
  if (before === undefined) throw new Error(`The state of saga ${row.id} was neither cached nor read.`)
  const payloads = new Map<number, string>()
  const workers = new Map<number, Ran>()
  const events: SagaEvent[] = []
  const applied: Applied[] = []
  const messages: EventMessage[] = []
  const outcomes: { item: Item; events: readonly SagaEvent[]; ignored?: Ignored }[] = []
  const series = new Series(before)
  for (const item of group) {
    const blueprint = blueprintFor(applier, row, series.blueprint, item)
    const input =
      item.job !== undefined && decided.late.has(item.job.id) ? { ...item.input, superseded: true } : item.input
    const facts = { now: decided.now, newId, holds: holdsFor(decided.holds, row.definition, row.id) }
    const { status } = series
    const wasCompleted = 'step' in item.input && series.isCompleted(item.input.step)
    const decision = series.decide(blueprint, input as Input, facts)
    if (item.ran !== undefined)
      for (let at = 0; at < decision.events.length; at += 1) workers.set(events.length + at, item.ran)
    if (item.payload !== undefined) {
      // What an attempt says late of a saga that has been erased is not kept either.
      const payload = before.erased === true ? ERASED_PAYLOAD : item.payload
      placePayload(payloads, events.length, decision.events, payload, wasCompleted)
    }
    if (applier.told !== undefined) {
      const from = { sequence: row.revision + events.length, status, at: decided.now }
      messages.push(...messagesOf(applier.told, row, from, decision))
    }
    events.push(...decision.events)
    outcomes.push({
      item,
      events: decision.events,
      ...(decision.ignored === undefined ? {} : { ignored: decision.ignored }),
    })
  }
  const state = series.finish()
  const revision = row.revision + events.length
  const commands = commandsOf(before, events)
  const leftLine = commands.some((command) => command.type === 'leave_line') ? { leftLine: true as const } : {}
  const told = group.length === 1 ? NONE : payloadSteps(payloads, events)
  let from = 0
  for (const outcome of outcomes) {
    const [first, end] = [from, from + outcome.events.length]
    // By who brought it, not by its step: a step can bring a checkpoint and its end, or a late result, side by side.
    const others = told.length === 0 ? told : told.filter(({ at }) => at < first || at >= end)
    const foreign = others.map(({ step }) => step)
    const { definition, revision: base } = row
    const { input } = outcome.item
    const step = 'step' in input ? input.step : undefined
    const probed = step === undefined ? undefined : probedHold(decided.holds, definition, row.id, step)
    const probes = probed === undefined ? {} : { probes: probed }
    const origin = row.origin === undefined ? {} : { origin: row.origin }
    applied.push({ ...outcome, state, revision, definition, base, foreign, ...leftLine, ...probes, ...origin })
    from = end
  }
  const requestId = group.find((item) => item.requestId !== undefined)?.requestId
  const write: Write | undefined =
    events.length === 0
      ? undefined
      : {
          sagaId: row.id,
          definition: row.definition,
          revision: row.revision,
          state,
          events,
          payloads,
          workers,
          requestId,
        }
  return { row, before, after: state, events, write, commands, applied, messages }
}

/** By its place among the events, which says who brought it. */
type Told = { readonly at: number; readonly step: string }

const NONE: readonly Told[] = []

function payloadSteps(payloads: ReadonlyMap<number, string>, events: readonly SagaEvent[]): readonly Told[] {
  const told = [...payloads.keys()].map((at) => {
    const event = events[at]
    return { at, step: event !== undefined && 'step' in event ? (event.step ?? '') : '' }
  })
  return told.filter(({ step }) => itemOf(step) === undefined)
}

/** The blueprint that is chosen in this very input counts for what follows from it. */
function blueprintFor(applier: Applier, row: LockedRow, known: string | null, item: Item): Blueprint {
  const chosen = item.input.type === 'succeeded' ? item.input.blueprint : undefined
  const hash = known ?? chosen ?? null
  const blueprint = applier.shelf.get(hash)
  if (blueprint !== undefined) return blueprint
  throw new SagaError(
    'DEFINITION_UNKNOWN',
    `The blueprint ${hash} of saga ${row.id} (${row.definition}) is not stored.`,
  )
}

/**
 * A result belongs to the event that says that the step is done, or that a late effect turned up. What a late report
 * says of a step that is completed changes nothing: others may have acted on its result (rule 5).
 */
function placePayload(
  payloads: Map<number, string>,
  offset: number,
  events: readonly SagaEvent[],
  payload: string,
  wasCompleted: boolean,
): void {
  const at = events.findIndex(
    (event) =>
      PAYLOAD_EVENTS.includes(event.type) || (event.type === 'late_report' && event.side === 'action' && !wasCompleted),
  )
  if (at >= 0) payloads.set(offset + at, payload)
}

async function write(
  applier: Applier,
  db: Db,
  transitions: readonly Transition[],
  handled: readonly Item[],
  claims: readonly string[],
): Promise<void> {
  const { schema, dispatcher } = applier
  const writes = transitions.flatMap((transition) => (transition.write === undefined ? [] : [transition.write]))
  const work = gather(applier, transitions)
  const over = [...handled.flatMap((item) => (item.timer === undefined ? [] : [item.timer])), ...work.over]
  const statements: (() => Promise<unknown>)[] = []
  if (writes.length > 0) {
    statements.push(async () => {
      const written = await writeTransitions(db, schema, writes)
      if (written !== writes.length) {
        throw new SagaError(
          'BATCH_INCOMPLETE',
          `${written} of ${writes.length} sagas were written: a revision moved under its lock.`,
        )
      }
    })
  }
  if (work.jobs.length > 0) statements.push(() => dispatcher.insert(db, work.jobs))
  if (over.length > 0) statements.push(() => removeTimers(db, schema, over))
  if (work.clear.length > 0) statements.push(() => clearTimers(db, schema, work.clear))
  if (work.timers.length > 0) statements.push(() => setTimers(db, schema, work.timers))
  if (work.letters.length > 0) statements.push(() => dispatcher.insertDeadLetters(db, work.letters))
  if (work.settledLetters.length > 0) statements.push(() => dispatcher.removeDeadLetters(db, work.settledLetters))
  // In this order: who comes to the front may follow one that leaves in this very transaction.
  if (work.left.length > 0) statements.push(() => leaveLines(db, schema, work.left))
  if (work.joined.length > 0) statements.push(() => joinLinesDue(db, schema, work.joined))
  if (work.front.length > 0) statements.push(() => takeFronts(db, schema, work.front))
  const messages = transitions.flatMap((transition) => transition.messages)
  if (messages.length > 0) statements.push(() => dispatcher.insertEvents(db, messages))
  if (claims.length > 0) statements.push(() => removeClaims(db, schema, claims))
  await inOneFlight(db, ...statements)
}
