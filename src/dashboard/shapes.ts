/** Blueprints by hash, each read once a process: what has a hash never changes. */
import type { Blueprint } from '../engine/core/blueprint.ts'
import type { SagaClient } from '../engine/saga-client.ts'

const MAX_KEPT = 1_000

export class Shapes {
  readonly #by: { readonly client: SagaClient }
  readonly #known = new Map<string, Blueprint>()

  constructor(by: { readonly client: SagaClient }) {
    this.#by = by
  }

  /** `undefined` for a saga that no worker with the code has taken yet. */
  async of(hash: string | null): Promise<Blueprint | undefined> {
    if (hash === null) return undefined
    const known = this.#known.get(hash) ?? (await this.#by.client.system.blueprint(hash))
    if (known === undefined) return undefined
    if (this.#known.size >= MAX_KEPT) this.#known.clear()
    this.#known.set(hash, known)
    return known
  }
}
