/**
 * Attempts whose parallel group wants them to end when a step beside them has failed: they are told by their signals.
 *
 * What turns in this process is told at once; what another worker has turned, within a second. Nothing is decided here:
 * an attempt that hears of it still comes to its end by itself, and what it reports counts as it always does.
 */
import { type Blueprint, type BlueprintNode, definedName, walk } from '../engine/core/blueprint.ts'
import type { Delivery } from '../engine/core/input.ts'
import { SagaError } from '../engine/errors.ts'
import type { Batch } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import { turnedSagas } from '../engine/store/sagas.ts'

const LOOK_MS = 1_000

type Abort = (reason: unknown) => void

export class Siblings {
  readonly #db: Db
  readonly #schema: string
  readonly #logger: Logger
  readonly #running = new Map<string, Set<Abort>>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: { readonly db: Db; readonly schema: string; readonly logger: Logger }) {
    this.#db = options.db
    this.#schema = options.schema
    this.#logger = options.logger
  }

  /**
   * Actions only: undoing, and what is asked before it, belong to a saga that has turned.
   *
   * @returns to be called when the attempt has come to its end.
   */
  watch(sagaId: string, blueprint: Blueprint, { step, side }: Delivery, abort: Abort): () => void {
    if (side !== 'action' || !abortable(blueprint).has(definedName(step))) return NOTHING
    const running = this.#running.get(sagaId) ?? new Set()
    running.add(abort)
    this.#running.set(sagaId, running)
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS)
    return () => {
      running.delete(abort)
      if (running.size === 0) this.#running.delete(sagaId)
      if (this.#running.size === 0) this.close()
    }
  }

  /** What this worker has just committed. */
  told({ applied }: Batch): void {
    if (this.#running.size === 0) return
    for (const { item, state } of applied) if (state.draining === true) this.#tell(item.sagaId)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    try {
      for (const id of await turnedSagas(this.#db, this.#schema, [...this.#running.keys()])) this.#tell(id)
    } catch (error) {
      this.#logger.debug({ error: String(error) }, 'whether sagas have turned could not be read')
    }
  }

  #tell(sagaId: string): void {
    const reason = new SagaError('SAGA_TURNED', 'The saga goes back: a step beside this one has failed, say.')
    this.#running.get(sagaId)?.forEach((abort) => abort(reason))
  }
}

const NOTHING = () => {}

const known = new WeakMap<Blueprint, ReadonlySet<string>>()

/** The steps that stand in a group, at whatever depth, that wants its siblings aborted. */
function abortable(blueprint: Blueprint): ReadonlySet<string> {
  let names = known.get(blueprint)
  if (names === undefined) {
    names = new Set(inGroups(blueprint.nodes))
    known.set(blueprint, names)
  }
  return names
}

function* inGroups(nodes: readonly BlueprintNode[]): Generator<string> {
  for (const node of nodes) {
    if (node.node === 'parallel') {
      for (const lane of node.lanes) {
        if (node.abort !== true) yield* inGroups(lane)
        else for (const { name } of walk(lane)) yield name
      }
    } else if (node.node === 'branch') for (const option of Object.values(node.options)) yield* inGroups(option)
  }
}
