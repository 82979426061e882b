/** What this worker knows of the sagas it has just moved: good only while the revision is the one that a job names. */
import type { LoadedSaga } from '../engine/runtime/context.ts'

/** Of payloads, in characters: a saga with more is read again, so that the cache's size is bounded by its count. */
const LARGEST = 64 * 1024

/** Keeps the most recently used, because what was just written is what is fetched next. */
export class SagaCache {
  readonly #max: number
  readonly #sagas = new Map<string, LoadedSaga>()

  constructor(max: number) {
    this.#max = max
  }

  get(id: string, revision: number): LoadedSaga | undefined {
    const saga = this.#sagas.get(id)
    return saga?.revision === revision ? saga : undefined
  }

  set(saga: LoadedSaga): void {
    this.#sagas.delete(saga.id)
    if (sizeOf(saga) > LARGEST) return
    this.#sagas.set(saga.id, saga)
    if (this.#sagas.size <= this.#max) return
    const oldest = this.#sagas.keys().next().value
    if (oldest !== undefined) this.#sagas.delete(oldest)
  }

  delete(id: string): void {
    this.#sagas.delete(id)
  }

  clear(): void {
    this.#sagas.clear()
  }
}

function sizeOf({ payloads: { input, results } }: LoadedSaga): number {
  let size = input.length
  for (const step in results) size += results[step]?.length ?? 0
  return size
}
