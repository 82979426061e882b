/** What a fault is to the suite. */
import type { Dice } from './dice.ts'
import type { Scene } from './scene.ts'

export type Fault = {
  readonly name: string
  /** In half a sentence. */
  readonly says: string
  /** Takes seconds and no rights: part of the short form. */
  readonly isShort: boolean
  /** Every worker lives on: no attempt may be lost, and nobody taken over. */
  readonly keepsWorkers: boolean
  /** Takes rows that the watchdog has to put back: an attempt without its job is lost. Elsewhere it may find nothing. */
  readonly takesRows?: true
  /** Lasts for so long that attempts may fail by it: what their errors say then, as a regular expression of Postgres. */
  readonly failsAttempts?: string
  /** Why it cannot be done on this machine; undefined where it can. */
  readonly missing?: () => string | undefined
  /** Resolves when it is over, with one sentence for each thing that was not as it must be. */
  readonly strike: (scene: Scene, dice: Dice) => Promise<readonly string[]>
}

/** Longer than anything takes, the lease included. */
export const PATIENCE_MS = 60_000
