/**
 * The rest of the world, with a ledger of what really took effect: the oracle of the properties. It knows nothing of
 * the core; it sees keys, and what was asked for under them.
 */

/** `polite`: a cancel by key also keeps the effect from coming later. `rude`: an effect may still slip in after it. */
export type Manners = 'polite' | 'rude'

type Effect = { applied: boolean; cancelled: boolean; times: number; undone: number }

export class Provider {
  readonly manners: Manners
  readonly #effects = new Map<string, Effect>()
  readonly #cancels = new Set<string>()
  /** Calls on the wire, whose callers have given up on them. */
  readonly #onTheWire: string[] = []

  constructor(manners: Manners) {
    this.manners = manners
  }

  /** Does what is asked for, once per key. @returns whether it stands; `false` when it was cancelled before. */
  act(key: string): boolean {
    const effect = this.effect(key)
    if (effect.applied) return true
    if (effect.cancelled && this.manners === 'polite') return false
    effect.applied = true
    effect.times += 1
    return true
  }

  /** Undoes what stands under the key. Under one compensation key that happens once; a repeat gets the first answer. */
  cancel(key: string, cancelKey: string): void {
    if (this.#cancels.has(cancelKey)) return
    this.#cancels.add(cancelKey)
    const effect = this.effect(key)
    if (effect.applied) effect.undone += 1
    effect.applied = false
    effect.cancelled = true
  }

  /** A call that will arrive after its caller has heard of an error. */
  sendSlowly(key: string): void {
    this.#onTheWire.push(key)
  }

  /** The next slow call arrives. @returns whether there was one. */
  arrive(): boolean {
    const key = this.#onTheWire.shift()
    if (key !== undefined) this.act(key)
    return key !== undefined
  }

  /** What a truthful verification says: a call on the wire may still be applied. */
  look(key: string): 'applied' | 'not_applied' | 'unknown' {
    if (this.effect(key).applied) return 'applied'
    return this.#onTheWire.includes(key) ? 'unknown' : 'not_applied'
  }

  effect(key: string): Effect {
    let effect = this.#effects.get(key)
    if (effect === undefined) {
      effect = { applied: false, cancelled: false, times: 0, undone: 0 }
      this.#effects.set(key, effect)
    }
    return effect
  }

  /** Whether a compensation has been carried out under the key. */
  hasCancelled(cancelKey: string): boolean {
    return this.#cancels.has(cancelKey)
  }
}

type Child = {
  /** `undoing`: on its parent's word or on its own. `settled`: it could not be undone, and a person settled it. */
  state: 'running' | 'completed' | 'undoing' | 'compensated' | 'settled'
  /** It has recorded that its parent asked for the undo. */
  isAsked?: true
}
export type ChildMessage = {
  readonly step: string
  readonly childId: string
  readonly outcome: 'completed' | 'compensated'
  readonly undoAsked?: true
}

/** Child sagas, as far as their parent sees them. What they say travels as messages, which may come twice. */
export class Children {
  readonly byId = new Map<string, Child & { readonly step: string }>()
  readonly messages: ChildMessage[] = []

  start(step: string, childId: string): void {
    if (!this.byId.has(childId)) this.byId.set(childId, { step, state: 'running' })
  }

  /** Those that will end by themselves. */
  active(): readonly string[] {
    return [...this.byId]
      .filter(([, child]) => child.state === 'running' || child.state === 'undoing')
      .map(([id]) => id)
  }

  /** `able`: it completes, or is undone when it goes back. Otherwise it turns, or is settled as it is. */
  end(childId: string, able: boolean): void {
    const child = this.byId.get(childId)
    if (child === undefined) return
    if (child.state === 'running' && !able) {
      child.state = 'undoing'
      return
    }
    if (child.state === 'running') child.state = 'completed'
    else if (child.state === 'undoing') child.state = able ? 'compensated' : 'settled'
    else return
    this.#say(childId)
  }

  /** One that has ended for good answers at once. */
  askUndo(childId: string): void {
    const child = this.byId.get(childId)
    if (child === undefined) return
    child.isAsked = true
    if (child.state === 'running' || child.state === 'completed') child.state = 'undoing'
    else if (child.state !== 'undoing') this.#say(childId)
  }

  #say(childId: string): void {
    const child = this.byId.get(childId)
    if (child === undefined) return
    const outcome = child.state === 'compensated' ? 'compensated' : 'completed'
    this.messages.push({
      step: child.step,
      childId,
      outcome,
      ...(child.isAsked === true ? { undoAsked: true } : {}),
    })
  }
}

/** Rows written through `ctx.tx`, and hooks: they commit with the report, or not at all. */
export class Rows {
  readonly #counts = new Map<string, number>()

  add(name: string, by: number): void {
    this.#counts.set(name, this.count(name) + by)
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }
}
