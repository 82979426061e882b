/**
 * The steps of a saga in order, for `3/7 charge-card` in the list. A list of sagas does not bring them, so one saga of
 * each shape is read in whole, once a process. The ways that were chosen belong to the shape: others are not counted.
 */
import type { SagaClient } from '../engine/saga-client.ts'
import type { SagaSummary } from '../engine/store/reading.ts'

const MAX_KEPT = 1_000

export class StepNames {
  readonly #by: { readonly client: SagaClient }
  readonly #byShape = new Map<string, readonly string[]>()

  constructor(by: { readonly client: SagaClient }) {
    this.#by = by
  }

  /** Learns what these sagas need. */
  async learn(sagas: readonly SagaSummary[]): Promise<void> {
    for (const summary of sagas) {
      const asked = shapeOf(summary)
      if (asked === undefined || this.#byShape.has(asked)) continue
      const saga = (await this.#by.client.excerpts.outline(summary.id))?.saga
      // It may have chosen a way since it was listed.
      const shape = saga === undefined ? undefined : shapeOf(saga)
      if (saga === undefined || shape === undefined) continue
      if (this.#byShape.size >= MAX_KEPT) this.#byShape.clear()
      this.#byShape.set(
        shape,
        saga.steps.map((step) => step.name),
      )
    }
  }

  of(saga: SagaSummary): readonly string[] | undefined {
    const shape = shapeOf(saga)
    return shape === undefined ? undefined : this.#byShape.get(shape)
  }
}

function shapeOf({ state }: Pick<SagaSummary, 'state'>): string | undefined {
  if (state.blueprint === null) return undefined
  const chosen = Object.entries(state.branches).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([state.blueprint, chosen])
}
