/**
 * The steps of a definition in order, for `3/7 charge-card` in the list. A list of sagas does not bring them, so one
 * saga of each blueprint is read in whole, once a process.
 */
import type { SagaClient } from '../engine/saga-client.ts'
import type { SagaSummary } from '../engine/store/reading.ts'

const MAX_KEPT = 1_000

export class StepNames {
  readonly #client: SagaClient
  readonly #byBlueprint = new Map<string, readonly string[]>()

  constructor(client: SagaClient) {
    this.#client = client
  }

  /** Learns what these sagas need. */
  async learn(sagas: readonly SagaSummary[]): Promise<void> {
    for (const { id, state } of sagas) {
      if (state.blueprint === null || this.#byBlueprint.has(state.blueprint)) continue
      const saga = await this.#client.get(id)
      if (saga === undefined) continue
      if (this.#byBlueprint.size >= MAX_KEPT) this.#byBlueprint.clear()
      this.#byBlueprint.set(
        state.blueprint,
        saga.steps.map((step) => step.name),
      )
    }
  }

  of({ state }: SagaSummary): readonly string[] | undefined {
    return state.blueprint === null ? undefined : this.#byBlueprint.get(state.blueprint)
  }
}
