/** What the code says about an attempt: its function, and the limits that travel with its report. */
import { ADOPT, type Blueprint, definedName, HOOK_STEP, type Hook, NO_NAMES, nodeOf } from '../core/blueprint.ts'
import type { Limits } from '../core/input.ts'
import type { Side } from '../core/machine.ts'
import type { Definition, SideCode, StepCode } from '../definition.ts'
import { NOT_ADOPTED } from './blueprint-shelf.ts'
import type { Breaker } from './breaking.ts'
import { codeFor, nameIn } from './saga-code.ts'

export const DEFAULT_MAX_LOST = 3
export const DEFAULT_SETTLE_AFTER_MS = 10_000

/** Whoever lacks the code never gives up on a step: those who have it will. */
export const UNLIMITED: Limits = {
  maxAttempts: Number.MAX_SAFE_INTEGER,
  maxLost: Number.MAX_SAFE_INTEGER,
  whenExhausted: 'compensate',
}

/** The definitions of this process, by name and version. */
export class CodeShelf {
  readonly #definitions = new Map<string, Definition>()

  constructor(definitions: Iterable<Definition>) {
    for (const definition of definitions)
      this.#definitions.set(codeName(definition.name, definition.version), definition)
  }

  /**
   * The code of a saga, under the names that its blueprint has. Before one is chosen: the code that can choose it.
   *
   * @param blueprint `undefined` where it is not at hand: then neither is its code.
   */
  of(
    saga: { readonly definition: string; readonly version: number },
    blueprint: Blueprint | undefined,
  ): Definition | undefined {
    const definition = this.#definitions.get(codeName(saga.definition, saga.version))
    if (definition === undefined || blueprint === undefined) return undefined
    return blueprint === NOT_ADOPTED ? definition : codeFor(definition, blueprint)
  }

  names(): readonly string[] {
    return [...this.#definitions.keys()]
  }

  all(): readonly Definition[] {
    return [...this.#definitions.values()]
  }
}

/**
 * The group of a step's jobs, where its code limits how many of them may run at once: the same for all versions of its
 * definition, because it is the same provider that they are kept from.
 */
export function groupOf(definition: Definition | undefined, step: string): string | undefined {
  if (definition === undefined || codeOf(definition, step)?.maxConcurrent === undefined) return undefined
  return groupName(definition.name, nameIn(definition.names, definedName(step)))
}

export function groupName(definition: string, step: string): string {
  return `${definition}:${step}`
}

/** How many of each group may run at once. Where versions differ, the newest one counts. */
export function permitsOf(definitions: readonly Definition[]): ReadonlyMap<string, number> {
  const permits = new Map<string, number>()
  for (const definition of definitions.toSorted((a, b) => a.version - b.version)) {
    for (const [step, { maxConcurrent }] of definition.steps) {
      if (maxConcurrent !== undefined) permits.set(groupName(definition.name, step), maxConcurrent)
    }
  }
  return permits
}

/** The breaker of a step, and whether that is a map. */
export type StepBreaker = { readonly breaker: Breaker; readonly isMap: boolean }

/** What a probe may take beside its own time: it may have to wait for a worker. */
const PROBE_MARGIN_MS = 15_000

/**
 * The breakers of steps, under each name that a step has or had. As with permits, one is shared by all versions of a
 * definition, and where they differ the newest counts.
 */
export function breakersOf(definitions: readonly Definition[]): ReadonlyMap<string, StepBreaker> {
  const [current, former] = [new Map<string, StepBreaker>(), new Map<string, StepBreaker>()]
  for (const definition of definitions.toSorted((a, b) => a.version - b.version)) {
    for (const [step, { breaker: limits, action, settleAfterMs, list }] of definition.steps) {
      if (limits === undefined) continue
      const patienceMs = action.timeoutMs + (settleAfterMs ?? DEFAULT_SETTLE_AFTER_MS) + PROBE_MARGIN_MS
      const breaker = { definition: definition.name, step, limits, patienceMs }
      const one = { breaker, isMap: list !== undefined }
      current.set(groupName(definition.name, step), one)
      const names = nodeOf(definition.blueprint, step)?.formerly ?? NO_NAMES
      for (const name of names) former.set(groupName(definition.name, name), one)
    }
  }
  return new Map([...former, ...current])
}

export function codeName(definition: string, version: number): string {
  return `${definition}@${version}`
}

const HOOK_OF = new Map<string, Hook>(Object.entries(HOOK_STEP).map(([hook, step]) => [step, hook as Hook]))

/** The hook that an engine's own step runs. */
export function hookOf(step: string): Hook | undefined {
  return HOOK_OF.get(step)
}

/** The function that the attempt runs; `undefined` when this code does not have it. */
export function sideCode(definition: Definition | undefined, step: string, side: Side): SideCode | undefined {
  if (definition === undefined) return undefined
  const hook = hookOf(step)
  if (hook !== undefined) return definition.hooks[hook]
  const code = codeOf(definition, step)
  // Of a map's own name it is the list that is asked for; its items have names of their own.
  if (code?.list !== undefined && step === definedName(step)) return side === 'action' ? code.list.side : undefined
  return code?.[side]
}

/** The code of a step, of an item of a map, of a branch. */
export function codeOf(definition: Definition | undefined, step: string): StepCode | undefined {
  return definition?.steps.get(definedName(step))
}

export function limitsOf(definition: Definition | undefined, step: string, side: Side): Limits {
  if (step === ADOPT) return UNLIMITED
  const code = sideCode(definition, step, side)
  if (code === undefined) return UNLIMITED
  const stepCode = codeOf(definition, step)
  return {
    maxAttempts: code.retry.maxAttempts,
    maxLost: stepCode?.maxLost ?? DEFAULT_MAX_LOST,
    ...(code.retry.maxDurationMs === undefined ? {} : { maxDurationMs: code.retry.maxDurationMs }),
    whenExhausted: stepCode?.whenExhausted ?? 'compensate',
  }
}
