/** Starting sagas, one or many: who may, with which definition, in whose transaction. */
import { type Authorize, demand } from './access.ts'
import { type AnyDefinition, type Contract, checkDefinition, type Definition, mustBeStartable } from './definition.ts'
import { SagaError, type SagaErrorCode } from './errors.ts'
import { registerShape } from './registering.ts'
import type { BlueprintShelf } from './runtime/blueprint-shelf.ts'
import {
  type Prepared,
  prepare,
  type Started,
  type Starter,
  type StartOptions,
  type StartRequest,
  storeStarts,
} from './runtime/start.ts'
import { inStartSpan } from './runtime/tracing.ts'
import type { Db } from './store/db.ts'

export type EnqueueOptions = StartOptions & {
  /**
   * The caller's transaction, through an adapter: `fromPg(client)`, `fromDrizzle(tx, sql)`, `fromKnex(trx)`,
   * `fromKysely(trx)`, `fromPrisma(tx)`.
   */
  readonly db?: Db
  /** Who starts it, for `authorize`. */
  readonly actor?: string
}

/** One of many starts: its definition's input, and what identifies it. */
export type EnqueueItem = StartOptions & { readonly input: unknown }

/** Per item, in order. What is refused is not stored; the others are. */
export type EnqueueResult = (Started & { readonly ok: true }) | { readonly ok: false; readonly error: SagaError }

export type StartsParts = {
  readonly schema: string
  readonly starter: Starter
  readonly shelf: BlueprintShelf
  readonly authorize: Authorize
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly db: Db
  /** Something was enqueued; `committed`: by a transaction of our own. */
  readonly onEnqueued: (committed: boolean) => void
  /** Somebody stands in a line. */
  readonly onLine: (committed: boolean) => void
}

const MANY_AT_ONCE = 500
/** What is refused of one start, and says nothing of the others. */
const OF_ONE_ITEM: readonly SagaErrorCode[] = ['KEY_REUSED', 'KEY_BUSY', 'NAME_INVALID', 'SAGA_NOT_FOUND']

export class Starts {
  readonly #parts: StartsParts
  readonly #registered = new Set<string>()

  constructor(parts: StartsParts) {
    this.#parts = parts
  }

  async one(definition: AnyDefinition | Contract, input: unknown, options: EnqueueOptions): Promise<Started> {
    const { db, actor = 'code', ...start } = options
    await this.#mayStart(definition, actor)
    return inStartSpan(definition.name, 1, async (named) => {
      const prepared = await prepare(this.#parts.starter, { definition: plain(definition), input, ...start })
      const [started] = await this.#store(db, [prepared])
      if (started === undefined) throw new SagaError('BATCH_INCOMPLETE', 'The start returned nothing.')
      named(started.id)
      return started
    })
  }

  async many(
    definition: AnyDefinition | Contract,
    items: readonly EnqueueItem[],
    options: Pick<EnqueueOptions, 'db' | 'actor'>,
  ): Promise<readonly EnqueueResult[]> {
    await this.#mayStart(definition, options.actor ?? 'code')
    return inStartSpan(definition.name, items.length, async () => {
      const results: EnqueueResult[] = []
      for (let from = 0; from < items.length; from += MANY_AT_ONCE) {
        const slice = items.slice(from, from + MANY_AT_ONCE)
        const requests = slice.map((item): StartRequest => ({ definition: plain(definition), ...item }))
        results.push(...(await this.#startMany(requests, options.db)))
      }
      return results
    })
  }

  async #mayStart(definition: AnyDefinition | Contract, actor: string): Promise<void> {
    mustBeStartable(definition)
    await demand(this.#parts.authorize, actor, 'enqueue', { definition: definition.name })
    if ('blueprint' in definition) await this.register(definition)
  }

  /**
   * Stores the definition's blueprint, once a process, on our own connection: it must not vanish with a rollback.
   *
   * @throws SagaError `DEFINITION_CHANGED` when it differs from a shape under its name and version by more than renames;
   * `DEFINITION_INVALID` when it has no steps.
   */
  async register(definition: Definition): Promise<void> {
    const { db, schema, shelf, transaction } = this.#parts
    const { blueprintHash: hash, blueprint } = definition
    if (this.#registered.has(hash)) return
    checkDefinition(definition)
    await registerShape({ db, schema, transaction }, definition)
    shelf.add(hash, blueprint)
    this.#registered.add(hash)
  }

  async #startMany(requests: readonly StartRequest[], db: Db | undefined): Promise<readonly EnqueueResult[]> {
    const attempts = await Promise.all(
      requests.map(async (request): Promise<Prepared | SagaError> => {
        try {
          return await prepare(this.#parts.starter, request)
        } catch (error) {
          if (error instanceof SagaError && error.code !== 'DATABASE_UNREACHABLE') return error
          throw error
        }
      }),
    )
    const prepared = attempts.filter((attempt): attempt is Prepared => !(attempt instanceof SagaError))
    const stored = await this.#storeEach(db, prepared)
    let next = 0
    return attempts.map((attempt) =>
      attempt instanceof SagaError ? { ok: false, error: attempt } : (stored[next++] as EnqueueResult),
    )
  }

  /** All at once; when one of them is refused, one by one, so that the others are stored. */
  async #storeEach(db: Db | undefined, prepared: readonly Prepared[]): Promise<readonly EnqueueResult[]> {
    if (prepared.length === 0) return []
    try {
      return (await this.#store(db, prepared)).map((started) => ({ ok: true, ...started }))
    } catch (error) {
      if (!(error instanceof SagaError) || !OF_ONE_ITEM.includes(error.code)) throw error
      if (prepared.length === 1) return [{ ok: false, error }]
      // In the caller's transaction the statement has already been rolled into their work: they decide.
      if (db !== undefined) throw error
    }
    const results: EnqueueResult[] = []
    for (const one of prepared) results.push(...(await this.#storeEach(db, [one])))
    return results
  }

  async #store(db: Db | undefined, prepared: readonly Prepared[]): Promise<readonly Started[]> {
    const { starter, transaction, onEnqueued, onLine } = this.#parts
    const started = await (db === undefined
      ? transaction((own) => storeStarts(starter, own, prepared))
      : storeStarts(starter, db, prepared, { callers: true }))
    onEnqueued(db === undefined)
    if (prepared.some(({ line }) => line !== undefined)) onLine(db === undefined)
    return started
  }
}

function plain(definition: AnyDefinition | Contract): Definition | Contract {
  return definition as Definition | Contract
}
