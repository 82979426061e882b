/** Starting sagas: in the caller's transaction, so that a rollback leaves nothing behind (rule 1). */
import { createHash } from 'node:crypto'
import type { Blueprint } from '../core/blueprint.ts'
import { commandsOf } from '../core/command.ts'
import { decide } from '../core/decide.ts'
import type { Input } from '../core/input.ts'
import type { Contract, Definition } from '../definition.ts'
import { canonicalJson } from '../definition.ts'
import { SagaError } from '../errors.ts'
import type { Starting, WhenBusy } from '../starting.ts'
import { type Db, sqlState } from '../store/db.ts'
import { type Inside, insertSagas, type NewSaga, removeSagas, sagasByKey, type Taken } from '../store/new-sagas.ts'
import { readSagas } from '../store/sagas.ts'
import { setTimers, type Timer } from '../store/timers.ts'
import type { Applier } from './apply.ts'
import { NOT_ADOPTED } from './blueprint-shelf.ts'
import type { DatabaseClock } from './clock.ts'
import { deadlineOf } from './deadline.ts'
import type { Encoding } from './encoding.ts'
import { type EventMessage, messagesOf } from './event-messages.ts'
import { newId } from './ids.ts'
import { keyBusy, type LineAtStart, lineOf, lineUp } from './line-at-start.ts'
import type { NewJob } from './ports.ts'
import { checkIdentity, checkInput } from './start-checks.ts'
import { activeTrace } from './tracing.ts'
import { grouped, jobPriority } from './work.ts'

export type StartOptions = {
  /** A business key, unique for the definition: a second start under it finds the first saga. */
  readonly key?: string
  /** The saga's id, a UUID of the caller's. */
  readonly id?: string
  /** Not before this moment. */
  readonly startAt?: Date
  /**
   * To be at rest at this moment, undoing included: it turns then, or as much earlier as its definition's `timeForUndo`
   * says, unless it has passed its pivot. Overrules the definition's deadline.
   */
  readonly deadlineAt?: Date
  readonly tags?: readonly string[]
  /** A whole number from -1000 to 1000, 0 by default: what is due of sagas of a higher one starts first. Overrules the definition's. */
  readonly priority?: number
  /**
   * Of all sagas with this key, whatever their definitions, one runs at a time: from its beginning until it is
   * completed, compensated or resolved. 1 to 500 characters. Overrules the definition's.
   */
  readonly concurrencyKey?: string
  /** When another saga has the concurrency key: `wait` in line, which is the default, or `refuse` with `KEY_BUSY`. */
  readonly whenBusy?: WhenBusy
  /**
   * The id of the saga whose harm this one makes good: a refund too many, say. It is shown and can be looked for; nothing
   * happens to that saga.
   */
  readonly correctionOf?: string
}

export type StartRequest = StartOptions & {
  readonly definition: Definition | Contract
  readonly input: unknown
  readonly rerunOf?: string
}

/** `created: false`: a saga with this key, or id, was there already, with the same input. */
export type Started = { readonly id: string; readonly created: boolean }

export type Starter = Pick<Applier, 'schema' | 'dispatcher' | 'expiry' | 'group' | 'told'> & {
  readonly clock: DatabaseClock
  readonly maxPayloadBytes: number
  readonly encoding: Encoding
  /** Our own connection, for what may not depend on the caller's transaction. */
  readonly own: Db
}

const UNTRACED = { traceparent: null, tracestate: null }

/** A request that has been checked, and can be stored. */
export type Prepared = {
  readonly saga: NewSaga
  readonly jobs: readonly NewJob[]
  readonly timers: readonly Timer[]
  readonly told: readonly EventMessage[]
  /** Why it is not stored, unless it is there already: it has no time left. */
  readonly late?: SagaError
  readonly line?: LineAtStart
}

/**
 * Checks a request and decides its first transition. Nothing is stored.
 *
 * @throws SagaError `INPUT_INVALID` with the fields, `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `NAME_INVALID`, `CODEC_FAILED`.
 */
export async function prepare(starter: Starter, request: StartRequest): Promise<Prepared> {
  const { definition } = request
  checkIdentity(definition, request)
  const input = await checkInput(definition, request.input, starter.maxPayloadBytes)
  const shape =
    'blueprint' in definition
      ? { blueprint: definition.blueprint, hash: definition.blueprintHash }
      : { blueprint: NOT_ADOPTED, hash: null }
  const inputHash = await inputHashOf(starter, canonicalJson(request.input))
  const line = lineOf(definition, request, input)
  const prepared = await decideStart(starter, {
    ...request,
    ...shape,
    starting: definition.starting ?? {},
    ...(line === undefined ? {} : { line }),
    priority: request.priority ?? definition.starting?.priority ?? 0,
    name: definition.name,
    version: definition.version,
    inputJson: input,
    inputHash,
  })
  // Nothing names a saga that could be there already.
  if (prepared.late !== undefined && request.key === undefined && request.id === undefined) throw prepared.late
  return prepared
}

/** @param canonical the input as it was given, or as it was stored. @throws SagaError `CODEC_FAILED`. */
export function inputHashOf({ encoding }: Starter, canonical: string): string | Promise<string> {
  return encoding.hash(canonical) ?? createHash('sha256').update(canonical).digest('base64url')
}

export type CheckedStart = StartOptions & {
  readonly name: string
  readonly version: number
  readonly blueprint: Blueprint
  /** `null`: known by its contract only; the first worker with the code chooses it. */
  readonly hash: string | null
  readonly inputJson: string
  readonly inputHash: string
  readonly rerunOf?: string
  /** What its definition says of all starts. */
  readonly starting?: Starting
  readonly line?: LineAtStart
}

/** Decides the first transition of a saga whose input has been checked. */
export async function decideStart(starter: Starter, start: CheckedStart): Promise<Prepared> {
  const { id = newId(), key, name, version, blueprint, hash, inputJson, inputHash, priority = 0, line } = start
  const startAt = start.startAt?.getTime()
  // Holds are asked when the first job is delivered; a start need not read them.
  const facts = { now: await starter.clock.now(starter.own), newId, holds: [] }
  const { revertWithinMs } = start.starting ?? {}
  const deadline = deadlineOf(name, start, start.starting ?? {}, facts.now)
  const input: Extract<Input, { type: 'start' }> = {
    type: 'start',
    blueprint: hash,
    ...(startAt === undefined ? {} : { startAt }),
    ...(deadline === undefined ? {} : { deadlineAt: deadline.turnAt }),
    ...(revertWithinMs === undefined ? {} : { revertWithinMs }),
    ...(line === undefined ? {} : { line: line.mustBeFirst ? 'front' : 'waiting' }),
  }
  const decision = decide(blueprint, undefined, input, facts)
  const { state, events } = decision
  const encoded = starter.encoding.encode(
    inputJson,
    { sagaId: id, definition: name },
    `the input of saga ${name}, which was not started`,
  )
  const jobs: NewJob[] = []
  const timers: Timer[] = []
  for (const command of commandsOf(undefined, events)) {
    if (command.type === 'set_timer') timers.push({ sagaId: id, timer: command.timer, dueAt: command.dueAt })
    if (command.type !== 'insert_job') continue
    const { jobId, step, side, attempt } = command
    jobs.push({
      id: jobId,
      priority: jobPriority(priority, command.priority),
      expireInSeconds: starter.expiry({ definition: name, version, blueprint: hash }, step, side),
      ...grouped(starter.group({ definition: name, version, blueprint: hash }, step)),
      data: { job: jobId, saga: id, step, side, attempt, revision: events.length },
    })
  }
  const saga: NewSaga = {
    id,
    definition: name,
    version,
    key: key ?? null,
    inputHash,
    tags: start.tags === undefined || start.tags.length === 0 ? null : start.tags,
    priority,
    concurrencyKey: line?.key ?? null,
    parent: null,
    rerunOf: start.rerunOf ?? null,
    correctionOf: start.correctionOf ?? null,
    ...(activeTrace() ?? UNTRACED),
    startAt: startAt ?? null,
    deadlineAt: deadline?.deadlineAt ?? null,
    state,
    events,
    input: typeof encoded === 'string' ? encoded : await encoded,
  }
  const told =
    starter.told === undefined ? [] : messagesOf(starter.told, saga, { sequence: 0, at: facts.now }, decision)
  return {
    saga,
    jobs,
    timers,
    told,
    ...(deadline?.late === undefined ? {} : { late: deadline.late }),
    ...(line === undefined ? {} : { line }),
  }
}

/**
 * Stores prepared sagas with their first jobs and timers.
 *
 * Transaction: required (the caller's, or one of our own). Locks: waits for another start under the same key.
 * @param callers the transaction is the caller's: whether it is one is made sure of first, because without one the
 * saga would be stored and its job perhaps not (rule 1).
 * @throws SagaError `KEY_REUSED` when a key, or id, has another input; `KEY_CONFLICT_RETRY` when the transaction's
 * isolation level hides the saga that has it; `TRANSACTION_REQUIRED`; `NAME_INVALID` when a deadline leaves no time;
 * `KEY_BUSY`; `SAGA_NOT_FOUND` for a correction of a saga that there is not.
 */
export async function storeStarts(
  starter: Starter,
  db: Db,
  prepared: readonly Prepared[],
  options: { readonly callers?: boolean } = {},
): Promise<readonly Started[]> {
  const { schema, dispatcher } = starter
  await mustBeInTime(starter, db, prepared)
  await mustBeThere(starter, db, prepared)
  const first = firstById(prepared)
  // In one order everywhere, so that two that start the same keys wait for each other in one direction only.
  const sagas = [...first.values()].map(({ saga }) => saga).sort(byName)
  const created = await insertNew(db, schema, sagas, options.callers === true)
  const isFresh = (start: Prepared) => created.has(start.saga.id) && first.get(start.saga.id) === start
  const fresh = prepared.filter(isFresh)
  await standInLine(starter, db, fresh)
  const jobs = fresh.flatMap((start) => start.jobs)
  const timers = fresh.flatMap((start) => start.timers)
  if (jobs.length > 0) await dispatcher.insert(db, jobs)
  if (timers.length > 0) await setTimers(db, schema, timers)
  const told = fresh.flatMap((start) => start.told)
  if (told.length > 0) await dispatcher.insertEvents(db, told)
  const left = prepared.filter((start) => !isFresh(start)).map(({ saga }) => saga)
  const taken = left.length === 0 ? [] : await sagasByKey(db, schema, left)
  const byKey = new Map(taken.flatMap((saga) => (saga.key === null ? [] : [[keyOf(saga), saga] as const])))
  const byId = new Map(taken.map((saga) => [saga.id, saga]))
  return prepared.map((start) => {
    const { saga } = start
    if (isFresh(start)) return { id: saga.id, created: true }
    return {
      id: found(saga, saga.key === null ? undefined : byKey.get(keyOf(saga)), byId.get(saga.id)),
      created: false,
    }
  })
}

/**
 * Only in a transaction. On one connection it is enough that the caller has written something in it: so it mostly is, and
 * costs no question. Whatever else a `db` may be is asked which transaction it is in, and stores in no other.
 */
async function insertNew(
  db: Db,
  schema: string,
  sagas: readonly NewSaga[],
  isCallers: boolean,
): Promise<ReadonlySet<string>> {
  const insert = (inside: Inside) => insertSagas(db, schema, sagas, inside)
  try {
    const isAsked = isCallers && (db.isOneConnection !== true || sagas.length > 1)
    const created = isAsked ? undefined : await insert(isCallers ? 'begun' : 'ours')
    if (created !== undefined) return created
    const { rows } = await db.executeSql('select pg_current_xact_id()::text as id')
    const inTime = await insert({ transaction: String(rows[0]?.id) })
    if (inTime !== undefined) return inTime
  } catch (error) {
    if (sqlState(error) === '40001') throw conflict(error)
    throw error
  }
  throw new SagaError(
    'TRANSACTION_REQUIRED',
    'Nothing was started: `db` is not in a transaction, so that the saga and its first job could be stored one without the other. Begin a transaction on that connection, or leave `db` out.',
  )
}

/** Asked before anything is stored: a caller may go on in the transaction in which a start was refused. */
async function mustBeInTime(starter: Starter, db: Db, prepared: readonly Prepared[]): Promise<void> {
  const late = prepared.filter((start) => start.late !== undefined)
  if (late.length === 0) return
  const sagas = late.map(({ saga }) => saga)
  const taken = await sagasByKey(db, starter.schema, sagas)
  const isThere = (saga: NewSaga) =>
    taken.some(({ id, key, definition }) => id === saga.id || (key === saga.key && definition === saga.definition))
  const refused = late.find(({ saga }) => !isThere(saga))
  if (refused?.late !== undefined) throw refused.late
}

/** Where one is refused, nothing stays of any of them. */
async function standInLine({ schema }: Starter, db: Db, fresh: readonly Prepared[]): Promise<void> {
  const lined = fresh.flatMap(({ saga, line }) =>
    line === undefined ? [] : [{ sagaId: saga.id, line, waits: saga.state.line === 'waiting' }],
  )
  if (lined.length === 0) return
  try {
    const [busy] = await lineUp(db, schema, lined)
    if (busy === undefined) return
    const ids = fresh.map(({ saga }) => saga.id)
    await removeSagas(db, schema, ids)
    const definition = fresh.find(({ saga }) => saga.id === busy.sagaId)?.saga.definition ?? ''
    throw keyBusy(definition, busy.key, busy.first)
  } catch (error) {
    if (sqlState(error) === '40001') throw conflict(error)
    throw error
  }
}

/** What is corrected has to be stored, in this transaction at the latest. Costs nothing where nothing is corrected. */
async function mustBeThere(starter: Starter, db: Db, prepared: readonly Prepared[]): Promise<void> {
  const wanted = new Set(prepared.flatMap(({ saga }) => saga.correctionOf ?? []))
  if (wanted.size === 0) return
  const found = new Set((await readSagas(db, starter.schema, [...wanted])).map(({ id }) => id))
  const missing = [...wanted].find((id) => !found.has(id))
  if (missing === undefined) return
  throw new SagaError('SAGA_NOT_FOUND', `Nothing was started: there is no saga ${missing} to be corrected.`, {
    details: { sagaId: missing },
  })
}

/** An id that is given twice in one call is one saga: the first is stored, the second finds it. */
function firstById(prepared: readonly Prepared[]): ReadonlyMap<string, Prepared> {
  const first = new Map<string, Prepared>()
  for (const start of prepared) if (!first.has(start.saga.id)) first.set(start.saga.id, start)
  return first
}

function byName(a: NewSaga, b: NewSaga): number {
  const [one, other] = [keyOf(a), keyOf(b)]
  return one < other ? -1 : one > other ? 1 : 0
}

function keyOf({ definition, key }: { readonly definition: string; readonly key: string | null }): string {
  return `${definition}\n${key}`
}

/** The saga that was there already, if it is the one that was asked for. */
function found(saga: NewSaga, byKey: Taken | undefined, byId: Taken | undefined): string {
  const other = byKey ?? byId
  if (other === undefined) throw conflict(undefined)
  const isSame = other.inputHash === saga.inputHash && other.definition === saga.definition && other.key === saga.key
  if (isSame) return other.id
  const name = byKey === undefined ? `The id ${saga.id}` : `The key "${saga.key}" of ${saga.definition}`
  throw new SagaError(
    'KEY_REUSED',
    `${name} belongs to saga ${other.id}, which was started with another input, key or definition, or has been erased. Use another one, or start it the same way.`,
    { details: { sagaId: other.id } },
  )
}

function conflict(cause: unknown): SagaError {
  return new SagaError(
    'KEY_CONFLICT_RETRY',
    'Another transaction has just started a saga under this key, and this one cannot see it. Retry your transaction.',
    { cause },
  )
}
