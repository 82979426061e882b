/**
 * Entries whose sagas somebody else has locked. They wait apart, so that those that are free are committed at once, and
 * come back from a timer only: soon at first, because most locks are those of one transaction, then more rarely.
 *
 * They come back together, but for those that were alone when they were refused: these would keep the others.
 */
import type { Entry } from './entries.ts'

const FIRST_MS = 5
const LONGEST_MS = 500

type Group = { entries: Entry[]; tries: number; dueAt: number; isAlone: boolean }

export class HeldBack {
  readonly #onDue: () => void
  readonly #groups = new Map<string, Group>()
  #size = 0
  #timer: NodeJS.Timeout | undefined

  constructor(onDue: () => void) {
    this.#onDue = onDue
  }

  get size(): number {
    return this.#size
  }

  /** What comes for a saga that is known to be busy waits with the others of its saga. */
  has(sagaId: string): boolean {
    return this.#groups.has(sagaId)
  }

  /** Behind those of its saga that wait already. */
  add(entry: Entry): void {
    const group = this.#groups.get(entry.item.sagaId)
    if (group === undefined) return this.refuse([entry])
    group.entries.push(entry)
    this.#size += 1
  }

  /** Their sagas were busy once more. `tries` says how often before, by saga. */
  refuse(entries: readonly Entry[], tries: ReadonlyMap<string, number> = new Map(), isAlone = false): void {
    for (const entry of entries) {
      const { sagaId } = entry.item
      const group = this.#groups.get(sagaId)
      if (group === undefined) {
        const before = tries.get(sagaId) ?? 0
        const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(before, 16))
        const dueAt = performance.now() + ceiling / 2 + (ceiling / 2) * Math.random()
        this.#groups.set(sagaId, { entries: [entry], tries: before + 1, dueAt, isAlone })
      } else group.entries.push(entry)
      this.#size += 1
    }
    this.#arm()
  }

  /** Takes those whose time has come and that may go together, and how often each saga was tried. */
  takeDue(most: number): { readonly entries: readonly Entry[]; readonly tries: ReadonlyMap<string, number> } {
    const now = performance.now()
    const entries: Entry[] = []
    const tries = new Map<string, number>()
    for (const [sagaId, group] of this.#groups) {
      if (entries.length >= most) break
      if (group.dueAt > now || (group.isAlone && entries.length > 0)) continue
      this.#groups.delete(sagaId)
      entries.push(...group.entries)
      tries.set(sagaId, group.tries)
      if (group.isAlone) break
    }
    this.#size -= entries.length
    return { entries, tries }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#groups.clear()
    this.#size = 0
  }

  /** One timer, for the next of them. */
  #arm(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#groups.size === 0) return
    const next = Math.min(...[...this.#groups.values()].map((group) => group.dueAt))
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#onDue()
        // Those that no lane was free for are asked for again.
        if (this.#timer === undefined) this.#arm()
      },
      Math.max(FIRST_MS, next - performance.now()),
    )
  }
}
