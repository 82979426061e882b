/** What this worker knows of the sagas it has just moved: good only while the revision is the one that a job names. */
import type { LoadedSaga } from '../engine/runtime/context.ts'

/** In characters, about: what is larger is read again. */
const LARGEST = 4 * 1024 * 1024
const LARGEST_TOGETHER = 64 * 1024 * 1024
/** An item of a map in a saga's state. */
const ITEM = 300

/** Keeps the most recently used, because what was just written is what is fetched next. */
export class SagaCache {
  readonly #max: number
  readonly #sagas = new Map<string, LoadedSaga>()
  readonly #sizes = new Map<string, number>()
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  /** @param revision that a job names: what is older is out of date. That it is still the stored one is to be asked. */
  get(id: string, revision: number): LoadedSaga | undefined {
    const saga = this.#sagas.get(id)
    return saga !== undefined && saga.revision >= revision ? saga : undefined
  }

  set(saga: LoadedSaga): void {
    this.delete(saga.id)
    const size = sizeOf(saga)
    if (size > LARGEST) return
    this.#sagas.set(saga.id, saga)
    this.#sizes.set(saga.id, size)
    this.#size += size
    while (this.#sagas.size > this.#max || this.#size > LARGEST_TOGETHER) {
      const oldest = this.#sagas.keys().next().value
      if (oldest === undefined) return
      this.delete(oldest)
    }
  }

  delete(id: string): void {
    if (!this.#sagas.delete(id)) return
    this.#size -= this.#sizes.get(id) ?? 0
    this.#sizes.delete(id)
  }

  clear(): void {
    this.#sagas.clear()
    this.#sizes.clear()
    this.#size = 0
  }
}

function sizeOf({ payloads: { input, results, lists, checkpoints }, state }: LoadedSaga): number {
  let size = input.length
  for (const map in lists) size += ITEM * (state.steps[map]?.items?.count ?? 0)
  for (const part of [results, lists, checkpoints]) for (const name in part) size += part[name]?.length ?? 0
  return size
}
