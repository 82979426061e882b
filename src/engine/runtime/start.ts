/** Starting sagas: in the caller's transaction, so that a rollback leaves nothing behind (rule 1). */
import { createHash } from 'node:crypto'
import type { Blueprint } from '../core/blueprint.ts'
import { commandsOf } from '../core/command.ts'
import { decide } from '../core/decide.ts'
import type { Contract, Definition } from '../definition.ts'
import { canonicalJson } from '../definition.ts'
import { SagaError } from '../errors.ts'
import { checkPayload } from '../payload.ts'
import { type Db, sqlState } from '../store/db.ts'
import { insertSagas, type NewSaga, sagasByKey } from '../store/sagas.ts'
import { setTimers, type Timer } from '../store/timers.ts'
import type { Applier } from './apply.ts'
import { NOT_ADOPTED } from './blueprint-shelf.ts'
import type { DatabaseClock } from './clock.ts'
import { isId, newId } from './ids.ts'
import type { NewJob } from './ports.ts'

export type StartOptions = {
  /** A business key, unique for the definition: a second start under it finds the first saga. */
  readonly key?: string
  /** The saga's id, a UUID of the caller's. */
  readonly id?: string
  /** Not before this moment. */
  readonly startAt?: Date
  /** Turned backward at this moment, if it has not passed its pivot. */
  readonly deadlineAt?: Date
  readonly tags?: readonly string[]
}

export type StartRequest = StartOptions & {
  readonly definition: Definition | Contract
  readonly input: unknown
  readonly rerunOf?: string
}

/** `created: false`: a saga with this key, or id, was there already, with the same input. */
export type Started = { readonly id: string; readonly created: boolean }

export type Starter = Pick<Applier, 'schema' | 'dispatcher' | 'expiry'> & {
  readonly clock: DatabaseClock
  readonly maxPayloadBytes: number
  /** Our own connection, for what may not depend on the caller's transaction. */
  readonly own: Db
}

/** A request that has been checked, and can be stored. */
export type Prepared = { readonly saga: NewSaga; readonly jobs: readonly NewJob[]; readonly timers: readonly Timer[] }

const MAX_KEY = 500
const MAX_TAGS = 20

/**
 * Checks a request and decides its first transition. Nothing is stored.
 *
 * @throws SagaError `INPUT_INVALID` with the fields, `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `NAME_INVALID`.
 */
export async function prepare(starter: Starter, request: StartRequest): Promise<Prepared> {
  const { definition } = request
  checkIdentity(definition, request)
  const input = await checkInput(definition, request.input, starter.maxPayloadBytes)
  const shape =
    'blueprint' in definition
      ? { blueprint: definition.blueprint, hash: definition.blueprintHash }
      : { blueprint: NOT_ADOPTED, hash: null }
  const inputHash = createHash('sha256').update(canonicalJson(request.input)).digest('base64url')
  return decideStart(starter, {
    ...request,
    ...shape,
    name: definition.name,
    version: definition.version,
    inputJson: input,
    inputHash,
  })
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
}

/** Decides the first transition of a saga whose input has been checked. */
export async function decideStart(starter: Starter, start: CheckedStart): Promise<Prepared> {
  const { id = newId(), key, name, version, blueprint, hash, inputJson, inputHash } = start
  const startAt = start.startAt?.getTime()
  const deadlineAt = start.deadlineAt?.getTime()
  const input = {
    type: 'start',
    blueprint: hash,
    ...(startAt === undefined ? {} : { startAt }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
  } as const
  // Holds are asked when the first job is delivered; a start need not read them.
  const facts = {
    now: await starter.clock.now(starter.own),
    newId,
    holds: [],
  }
  const { state, events } = decide(blueprint, undefined, input, facts)
  const jobs: NewJob[] = []
  const timers: Timer[] = []
  for (const command of commandsOf(undefined, events)) {
    if (command.type === 'set_timer') timers.push({ sagaId: id, timer: command.timer, dueAt: command.dueAt })
    if (command.type !== 'insert_job') continue
    const { jobId, priority, step, side, attempt } = command
    jobs.push({
      id: jobId,
      priority,
      expireInSeconds: starter.expiry(name, version, step, side),
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
    parent: null,
    rerunOf: start.rerunOf ?? null,
    startAt: startAt ?? null,
    deadlineAt: deadlineAt ?? null,
    state,
    events,
    input: inputJson,
  }
  return { saga, jobs, timers }
}

function checkIdentity(
  definition: { readonly name: string },
  { key, id, tags, startAt, deadlineAt }: StartOptions,
): void {
  const fail = (message: string) => new SagaError('NAME_INVALID', `Saga ${definition.name} was not started: ${message}`)
  if (id !== undefined && !isId(id)) throw fail(`"${id}" is not a UUID in lower case. Leave the id out, or give one.`)
  if (
    key !== undefined &&
    (key.length === 0 || key.length > MAX_KEY || key.includes('\u0000') || !key.isWellFormed())
  ) {
    throw fail(`a key has 1 to ${MAX_KEY} characters, and no U+0000 or lone surrogate.`)
  }
  const badTag = tags?.find(
    (tag) => tag.length === 0 || tag.length > 100 || tag.includes('\u0000') || !tag.isWellFormed(),
  )
  if (badTag !== undefined || (tags?.length ?? 0) > MAX_TAGS) {
    throw fail(`it can have at most ${MAX_TAGS} tags of 1 to 100 characters.`)
  }
  for (const moment of [startAt, deadlineAt]) {
    if (moment !== undefined && Number.isNaN(moment.getTime()))
      throw fail('startAt and deadlineAt must be valid dates.')
  }
}

/** The input as steps will see it, as JSON text: parsed by the definition's schema, once. */
async function checkInput(definition: Definition | Contract, input: unknown, maxBytes: number): Promise<string> {
  const what = `the input of saga ${definition.name}`
  const parsed = await definition.input.safeParseAsync(input)
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => ({
      path: issue.path.map(String).join('.'),
      message: issue.message,
    }))
    const list = fields.map((field) => `${field.path === '' ? '(whole)' : field.path}: ${field.message}`).join('; ')
    throw new SagaError(
      'INPUT_INVALID',
      `The input does not fit ${definition.name} version ${definition.version}. ${list}`,
      {
        details: { fields },
      },
    )
  }
  return checkPayload(parsed.data, { what, maxBytes }).json ?? 'null'
}

/**
 * Stores prepared sagas with their first jobs and timers.
 *
 * Transaction: required (the caller's, or one of our own). Locks: waits for another start under the same key.
 * @throws SagaError `KEY_REUSED` when a key, or id, has another input; `KEY_CONFLICT_RETRY` when the transaction's
 * isolation level hides the saga that has it.
 */
export async function storeStarts(
  starter: Starter,
  db: Db,
  prepared: readonly Prepared[],
): Promise<readonly Started[]> {
  const { schema, dispatcher } = starter
  let created: ReadonlySet<string>
  try {
    created = await insertSagas(
      db,
      schema,
      prepared.map(({ saga }) => saga),
    )
  } catch (error) {
    if (sqlState(error) === '40001') throw conflict(error)
    throw error
  }
  const fresh = prepared.filter(({ saga }) => created.has(saga.id))
  const jobs = fresh.flatMap((start) => start.jobs)
  const timers = fresh.flatMap((start) => start.timers)
  if (jobs.length > 0) await dispatcher.insert(db, jobs)
  if (timers.length > 0) await setTimers(db, schema, timers)
  if (fresh.length === prepared.length) return prepared.map(({ saga }) => ({ id: saga.id, created: true }))
  return existing(starter, db, prepared, created)
}

async function existing(
  starter: Starter,
  db: Db,
  prepared: readonly Prepared[],
  created: ReadonlySet<string>,
): Promise<readonly Started[]> {
  const left = prepared.filter(({ saga }) => !created.has(saga.id)).map(({ saga }) => saga)
  const taken = await sagasByKey(db, starter.schema, left)
  const found = new Map(
    taken.flatMap((saga) => [[`${saga.definition}\n${saga.key}`, saga] as const, [saga.id, saga] as const]),
  )
  return prepared.map(({ saga }) => {
    if (created.has(saga.id)) return { id: saga.id, created: true }
    const other = found.get(`${saga.definition}\n${saga.key}`) ?? found.get(saga.id)
    if (other === undefined) throw conflict(undefined)
    if (other.inputHash === saga.inputHash && other.definition === saga.definition)
      return { id: other.id, created: false }
    const name = saga.key === null ? `The id ${saga.id}` : `The key "${saga.key}" of ${saga.definition}`
    throw new SagaError(
      'KEY_REUSED',
      `${name} belongs to saga ${other.id}, which was started with another input. Use another key, or the same input.`,
      {
        details: { sagaId: other.id },
      },
    )
  })
}

function conflict(cause: unknown): SagaError {
  return new SagaError(
    'KEY_CONFLICT_RETRY',
    'Another transaction has just started a saga under this key, and this one cannot see it. Retry your transaction.',
    { cause },
  )
}
