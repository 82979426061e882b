/**
 * Does what SQL users have asked for by the functions of the schema, as if the same actor had asked in code. Workers call it.
 *
 * 1. A command is settled by the transaction of its effect. If the worker dies before it commits, nothing has happened, and
 *    another one does it.
 * 2. Starts are done many at once, orders one at a time: each decides its own saga only.
 * 3. What is wrong with a command is told in its row. What is wrong with the world puts it off.
 * 4. A duty of maintenance can take long: it is accepted first, and done afterwards.
 */
import { type Authorize, demand } from './access.ts'
import type { Definition } from './definition.ts'
import { canonicalJson } from './definition.ts'
import type { SeeTo } from './duties.ts'
import type { SagaError } from './errors.ts'
import { isOfCommand, refusalOf, troubleOf } from './inbox-refusals.ts'
import { Operator, type OperatorOptions } from './operator.ts'
import { NOT_ADOPTED } from './runtime/blueprint-shelf.ts'
import type { CodeShelf } from './runtime/limits.ts'
import type { Logger } from './runtime/ports.ts'
import { inputHashOf, type Prepared, prepare, type Starter, type StartRequest, storeStarts } from './runtime/start.ts'
import { inStartSpan } from './runtime/tracing.ts'
import { errorInfo } from './runtime/verdict.ts'
import {
  type DutyVerb,
  type OrderCommand,
  putOff,
  type Settlement,
  type StartCommand,
  settleCommands,
  takeOrder,
  takeOverdueStarts,
  takeStarts,
  writeResult,
} from './store/commands.ts'
import { type Db, isConnectionError } from './store/db.ts'

const STARTS_AT_ONCE = 50
const OVERDUE_AT_ONCE = 100
/** `authorize` and the codec are others' code, and a transaction is open meanwhile. */
const READY_WITHIN_MS = 10_000

export type InboxParts = {
  readonly schema: string
  readonly starter: Starter
  readonly authorize: Authorize
  readonly operator: OperatorOptions
  /** A transaction of our own. */
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly db: Db
  readonly code: CodeShelf
  readonly seeTo: SeeTo
  readonly logger: Logger
}

/** A duty that has been accepted, and is still to be done. */
export type AcceptedDuty = { readonly id: string; readonly goOn: (goesOn: () => boolean) => Promise<void> }

/** A start that can be stored, is refused, or cannot be done now. */
type Readied = {
  readonly command: StartCommand
  readonly inputHash?: string | undefined
  readonly prepared?: Prepared
  readonly refusal?: SagaError
  readonly later?: unknown
}

export class Inbox {
  readonly #parts: InboxParts
  /** So many starts are done alone, because one among as many could not be stored. */
  #alone = 0

  constructor(parts: InboxParts) {
    this.#parts = parts
  }

  /**
   * The next starts that this process has the code of.
   *
   * @returns how many were looked at. @throws when the database is away.
   */
  async starts(): Promise<number> {
    const { schema, transaction, code } = this.#parts
    const limit = this.#alone > 0 ? 1 : STARTS_AT_ONCE
    let taken: readonly StartCommand[] = []
    try {
      await transaction(async (tx) => {
        taken = await takeStarts(tx, schema, code.names(), limit)
        if (taken.length > 0) await this.#start(tx, taken)
      })
      this.#alone -= Math.min(this.#alone, 1)
      if (taken.length === 0) return 0
      this.#parts.operator.applier.faults('commands-committed')
      this.#toldJobs()
    } catch (error) {
      await this.#failed(error, taken)
    }
    return taken.length
  }

  /**
   * The next order: a verb about one saga, or, where `withDuties`, a duty of maintenance.
   *
   * @returns whether there was one; of a duty, what is to be done now that it is accepted. @throws when the database is away.
   */
  async order(withDuties: boolean): Promise<boolean | AcceptedDuty> {
    const { schema, transaction } = this.#parts
    let taken: OrderCommand | undefined
    try {
      const isAccepted = await transaction(async (tx) => {
        taken = await takeOrder(tx, schema, withDuties)
        if (taken === undefined) return false
        const command = taken
        const settlement = await this.#apart(tx, command, () => this.#do(tx, command))
        await this.#settle(tx, settlement === undefined ? [] : [settlement])
        return settlement?.state === 'accepted'
      })
      const command = taken as OrderCommand | undefined
      if (command === undefined) return false
      if (command.sagaId === null && isAccepted) return this.#duty(command.id, command)
      if (isAccepted) this.#toldJobs()
      return true
    } catch (error) {
      await this.#failed(error, taken === undefined ? [] : [taken])
      return true
    }
  }

  /** Refuses starts whose code nobody has had for so long. @returns how many. */
  async giveUp(names: readonly string[], ageMs: number): Promise<number> {
    const { schema, transaction } = this.#parts
    return transaction(async (tx) => {
      const overdue = await takeOverdueStarts(tx, schema, { names, ageMs, limit: OVERDUE_AT_ONCE })
      const settled = overdue.map(({ id, definition, version }): Settlement => {
        const message = `No live worker has had ${definition} version ${version} for ${Math.round(ageMs / 1_000)} s. Start one that has it, and ask again.`
        return { id, state: 'refused', code: 'DEFINITION_UNKNOWN', message }
      })
      await this.#settle(tx, settled)
      return overdue.length
    })
  }

  async #start(tx: Db, commands: readonly StartCommand[]): Promise<void> {
    const { schema, logger } = this.#parts
    const readied = await Promise.all(commands.map((command) => within(READY_WITHIN_MS, command, this.#ready(command))))
    for (const { command, later } of readied) {
      if (later === undefined) continue
      const trouble = troubleOf(later)
      logger.warn({ command: command.id, ...trouble }, 'a saga could not be started for SQL; it is tried again later')
      await putOff(tx, schema, [command.id], trouble)
    }
    const refused = readied.flatMap(({ command, refusal, inputHash }) =>
      refusal === undefined ? [] : [{ ...refusalOf(command.id, refusal), inputHash }],
    )
    const fit = readied.filter(({ prepared }) => prepared !== undefined)
    const [first] = fit
    if (first === undefined) return this.#settle(tx, refused)
    const stored =
      commands.length > 1
        ? await this.#store(tx, fit)
        : [await this.#apart(tx, first.command, async () => (await this.#store(tx, fit))[0])]
    const hashes = new Map(fit.map(({ command, inputHash }) => [command.id, inputHash]))
    const settled = stored.flatMap((one) => (one === undefined ? [] : [{ ...one, inputHash: hashes.get(one.id) }]))
    await this.#settle(tx, [...refused, ...settled])
  }

  async #store(tx: Db, fit: readonly Readied[]): Promise<readonly Settlement[]> {
    const prepared = fit.flatMap((one) => one.prepared ?? [])
    const started = await storeStarts(this.#parts.starter, tx, prepared)
    return fit.flatMap(({ command }, at): Settlement[] => {
      const one = started[at]
      if (one === undefined) return []
      return [{ id: command.id, state: 'accepted', result: { sagaId: one.id, created: one.created } }]
    })
  }

  /** Whether it may be started, and with what. Nobody else has to wait for one that cannot be now. */
  async #ready(command: StartCommand): Promise<Readied> {
    const { starter, authorize, code } = this.#parts
    const { definition: name, version, actor, input } = command
    const definition = code.of({ definition: name, version }, NOT_ADOPTED)
    if (definition === undefined) throw new Error(`The code of ${name}@${version} was taken for there.`)
    let inputHash: string | undefined
    try {
      inputHash = await inputHashOf(starter, canonicalJson(input))
      await demand(authorize, actor, 'enqueue', { definition: name })
      const prepared = await inStartSpan(name, 1, (named) => {
        named(command.id)
        return prepare(starter, requestOf(command, definition))
      })
      return { command, inputHash, prepared }
    } catch (error) {
      return isOfCommand(error) ? { command, inputHash, refusal: error } : { command, later: error ?? 'nothing' }
    }
  }

  async #do(tx: Db, command: OrderCommand): Promise<Settlement> {
    const { authorize } = this.#parts
    const { id, actor, options } = command
    if (command.sagaId === null) {
      await demand(authorize, actor, 'maintain', {})
      return { id, state: 'accepted', result: null }
    }
    // All in the one transaction; others are told of it when that is committed.
    const operator = new Operator({
      ...this.#parts.operator,
      db: tx,
      transaction: (run) => run(tx),
      onJobs: () => {},
      onLine: () => {},
    })
    const { verb, sagaId, reason, requestId } = command
    const by = { actor, reason, requestId }
    const pastPivot = options.pastPivot === true ? { pastPivot: true } : {}
    const { repeated } = await operator[verb](sagaId, { ...by, ...pastPivot })
    return { id, state: 'accepted', result: { repeated } }
  }

  /** What is refused leaves nothing behind but the refusal. */
  async #apart(
    tx: Db,
    { id }: { readonly id: string },
    act: () => Promise<Settlement | undefined>,
  ): Promise<Settlement | undefined> {
    await tx.executeSql('savepoint command')
    try {
      return await act()
    } catch (error) {
      if (!isOfCommand(error)) throw error
      await tx.executeSql('rollback to savepoint command')
      return refusalOf(id, error)
    }
  }

  async #settle(tx: Db, settled: readonly Settlement[]): Promise<void> {
    const { schema, operator } = this.#parts
    await settleCommands(tx, schema, settled)
    operator.applier.faults('commands-settled')
  }

  /** Nothing of it has happened, or all of it. What cannot be stored with others is found by doing each alone. */
  async #failed(error: unknown, taken: readonly { readonly id: string }[]): Promise<void> {
    const { db, schema, logger } = this.#parts
    if (isConnectionError(error) || taken.length === 0) throw error
    if (taken.length > 1) {
      this.#alone = taken.length
      return
    }
    const [{ id }] = taken as readonly [{ readonly id: string }]
    const trouble = troubleOf(error)
    logger.warn({ command: id, ...trouble }, 'a command could not be done; it is tried again later')
    await putOff(db, schema, [id], trouble)
  }

  #toldJobs(): void {
    const { onJobs, onLine } = this.#parts.operator
    onJobs()
    onLine()
  }

  #duty(id: string, { verb, actor, options }: OrderCommand): AcceptedDuty {
    const { db, schema, seeTo, logger } = this.#parts
    const { stuckAfterMs, keepMs } = options
    const asked = { by: actor, isByHand: true, isDry: false, stuckAfterMs, keepMs }
    return {
      id,
      async goOn(goesOn) {
        const result = await seeTo(dutyOf(verb as DutyVerb), { ...asked, goesOn }).catch((error: unknown) => {
          logger.warn({ command: id, error: String(error) }, 'maintenance that was asked for by SQL has failed')
          return { error: errorInfo(error).message }
        })
        await writeResult(db, schema, id, result)
      },
    }
  }
}

/** One that takes too long is put off: it must not keep the others waiting. */
function within(ms: number, command: StartCommand, readied: Promise<Readied>): Promise<Readied> {
  const { promise, resolve } = Promise.withResolvers<Readied>()
  const later = new Error(`authorize() or the codec has not answered within ${ms / 1_000} s.`)
  const timer = setTimeout(() => resolve({ command, later }), ms)
  void readied.then(resolve).finally(() => clearTimeout(timer))
  return promise
}

function dutyOf(verb: DutyVerb): 'cleanup' | 'recovery' {
  return verb === 'cleanup' ? 'cleanup' : 'recovery'
}

function requestOf(command: StartCommand, definition: Definition): StartRequest {
  const { id, input, key, startAt, priority, tags } = command
  return {
    definition,
    input,
    id,
    ...(key === null ? {} : { key }),
    ...(startAt === null ? {} : { startAt }),
    ...(priority === null ? {} : { priority }),
    ...(tags === null ? {} : { tags }),
  }
}
