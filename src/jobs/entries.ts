/** What waits to be committed, and what of it is committed together. */
import type { Applied, Item } from '../engine/runtime/apply.ts'

export type Outcome =
  | { readonly type: 'applied'; readonly applied: Applied }
  /** The saga does not exist any more. */
  | { readonly type: 'orphan' }
  /** This one alone cannot be written. */
  | { readonly type: 'poisoned'; readonly error: unknown }

export type Entry = {
  readonly item: Item
  readonly done: (outcome: Outcome) => void
  /** The claim that its job belongs to. */
  readonly claim?: Claim | undefined
  /** How often the database could not write the batch that it was in, though it was there. */
  readonly failures?: number
}

/** What one fetch brought; its row goes with the transaction that settles the last of its jobs. */
export type Claim = {
  readonly id: string
  /** Jobs of it that are not settled. */
  open: number
  /** Its row went with the transaction that settled the last one. */
  removed?: true
}

/** What is committed together, and what it is: `apart` is not joined with others, because it has failed before. */
export type Work = {
  readonly entries: readonly Entry[]
  readonly apart?: true
  /** Of sagas that were busy: how often, by saga. */
  readonly tries?: ReadonlyMap<string, number>
}

export function countEntries(sum: number, work: Work): number {
  return sum + work.entries.length
}

/** Claims that this very batch settles the last job of. */
export function finishedClaims(entries: readonly Entry[]): readonly Claim[] {
  const settled = new Map<Claim, number>()
  for (const { claim } of entries) if (claim !== undefined) settled.set(claim, (settled.get(claim) ?? 0) + 1)
  return [...settled].filter(([claim, count]) => claim.open > 0 && claim.open <= count).map(([claim]) => claim)
}

/** After trouble nothing that was remembered is believed. */
export function forgetCached(entry: Entry): Entry {
  const { cached: _cached, ...item } = entry.item
  return { ...entry, item }
}

/** Of a batch that the database could not write: it may be one of them, or that there are so many. */
export function countFailure(entry: Entry): Entry {
  return { ...forgetCached(entry), failures: (entry.failures ?? 0) + 1 }
}

/** In order. */
export function halvesOf(entries: readonly Entry[]): readonly [readonly Entry[], readonly Entry[]] {
  const middle = Math.ceil(entries.length / 2)
  return [entries.slice(0, middle), entries.slice(middle)]
}

export function areOfOneSaga(entries: readonly Entry[]): boolean {
  return entries.every((entry) => entry.item.sagaId === entries[0]?.item.sagaId)
}
