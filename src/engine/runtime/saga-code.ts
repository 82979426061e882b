/**
 * The code of a saga: the definition under the names that the saga has.
 *
 * A saga keeps the blueprint that it was started with. Code whose steps have got other names since, or that is older
 * than the saga, runs it all the same: seen from the saga, its steps have the saga's names, and only results are shown to
 * functions under the names that they were written with.
 */
import type { Blueprint } from '../core/blueprint.ts'
import { type Names, namesIn } from '../core/shapes.ts'
import type { Definition, StepCode } from '../definition.ts'

const known = new WeakMap<Definition, WeakMap<Blueprint, Definition | undefined>>()

/** `undefined` where the shapes differ by more than declared renames: then this is not the saga's code. */
export function codeFor(definition: Definition, blueprint: Blueprint): Definition | undefined {
  if (definition.blueprint === blueprint) return definition
  let seen = known.get(definition)
  if (seen === undefined) {
    seen = new WeakMap()
    known.set(definition, seen)
  }
  if (!seen.has(blueprint)) seen.set(blueprint, underNamesOf(definition, blueprint))
  return seen.get(blueprint)
}

function underNamesOf(definition: Definition, blueprint: Blueprint): Definition | undefined {
  const names = namesIn(blueprint, definition.blueprint)
  if (names === undefined) return undefined
  if (![...names].some(([own, theirs]) => own !== theirs)) return definition
  const { name, version, input, hooks, blueprintHash } = definition
  const steps = new Map<string, StepCode>()
  for (const [own, theirs] of names) {
    const code = definition.steps.get(theirs)
    if (code !== undefined) steps.set(own, code)
  }
  const jsonSchemas = () => definition.jsonSchemas()
  return { name, version, input, hooks, blueprintHash, blueprint, steps, names, jsonSchemas }
}

/** Results by the names that the definition has, where its saga has others. */
export function resultsFor(
  definition: Definition,
  blueprint: Blueprint,
  results: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = codeFor(definition, blueprint)?.names
  if (names === undefined) return results
  return Object.fromEntries(Object.entries(results).map(([own, result]) => [nameIn(names, own), result]))
}

export function nameIn(names: Names | undefined, own: string): string {
  return names?.get(own) ?? own
}
