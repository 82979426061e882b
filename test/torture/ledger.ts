/**
 * An outside service with money of its own. It honours idempotency keys, can be cancelled by key, before the call it
 * cancels too, and counts its calls by key and attempt. What goes wrong in it is planned: by the key and the attempt.
 */
import { fractionOf } from './dice.ts'

/** `lost-request`: no answer, nothing happened. `lost-answer`: no answer, it happened. */
export type LedgerFault = 'refused' | 'away' | 'lost-request' | 'lost-answer'

export type LedgerCall = {
  readonly key: string
  readonly attempt: number
  readonly cents: number
  /** The key that this call cancels. */
  readonly cancels?: string
}

export type LedgerEntry = { readonly cents: number; readonly isApplied: boolean; readonly isCancelled: boolean }

export type LedgerBooks = {
  readonly entries: Readonly<Record<string, LedgerEntry>>
  /** How often each attempt called, by `<key>#<attempt>`. */
  readonly calls: Readonly<Record<string, number>>
  readonly balance: number
}

export type LedgerAnswer = 'done' | 'refused' | 'away' | 'nothing'

const FAULTS: readonly LedgerFault[] = ['refused', 'away', 'lost-request', 'lost-answer']

export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>()
  readonly #changed = new Set<string>()
  readonly #calls = new Map<string, number>()
  readonly #faultPercent: number
  #balance = 0
  #isCalm = false

  constructor(faultPercent: number) {
    this.#faultPercent = faultPercent
  }

  /** From now on nothing goes wrong in it. */
  calm(isCalm: boolean): void {
    this.#isCalm = isCalm
  }

  call(call: LedgerCall): LedgerAnswer {
    const name = `${call.key}#${call.attempt}`
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1)
    const fault = this.#faultOf(name)
    if (fault === 'away') return 'away'
    if (fault === 'lost-request') return 'nothing'
    // A cancel is never refused for good: it only comes too early.
    if (fault === 'refused') return call.cancels === undefined ? 'refused' : 'away'
    const isDone = call.cancels === undefined ? this.#apply(call) : this.#cancel(call.cancels)
    if (!isDone) return 'refused'
    return fault === 'lost-answer' ? 'nothing' : 'done'
  }

  /** What has changed, and who called, since this was asked last; and all the money that is in it. */
  takeBooks(): LedgerBooks {
    const changed = [...this.#entries].filter(([key]) => this.#changed.has(key))
    const books = {
      entries: Object.fromEntries(changed),
      calls: Object.fromEntries(this.#calls),
      balance: this.#balance,
    }
    this.#changed.clear()
    this.#calls.clear()
    return books
  }

  #apply({ key, cents }: LedgerCall): boolean {
    const entry = this.#entries.get(key)
    if (entry?.isCancelled === true) return false
    if (entry === undefined) {
      this.#set(key, { cents, isApplied: true, isCancelled: false })
      this.#balance += cents
    }
    return true
  }

  #cancel(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) this.#set(key, { cents: 0, isApplied: false, isCancelled: true })
    else if (!entry.isCancelled) {
      this.#set(key, { ...entry, isCancelled: true })
      this.#balance -= entry.cents
    }
    return true
  }

  #set(key: string, entry: LedgerEntry): void {
    this.#entries.set(key, entry)
    this.#changed.add(key)
  }

  #faultOf(name: string): LedgerFault | undefined {
    if (this.#isCalm || fractionOf(name) * 100 >= this.#faultPercent) return undefined
    return FAULTS[Math.floor(fractionOf(`${name} kind`) * FAULTS.length)]
  }
}
