/** Contracts: a saga's name, version and input, for processes that only start it. */
import { ZodType } from 'zod'
import { type BlueprintProblem, NAME_PATTERN } from './core/blueprint.ts'
import { type Contract, definitionInvalid } from './definition.ts'
import { type KeepingOptions, keepingOf } from './keeping.ts'
import { type RecoveringOptions, recoveringOf } from './recovering.ts'
import { type StartingOptions, startingOf } from './starting.ts'

/**
 * What the web process and the worker share: `defineContract('fulfil-order', { version: 1, input: OrderInput })`.
 *
 * @throws SagaError `DEFINITION_INVALID`.
 */
export function defineContract<const Input extends ZodType>(
  name: string,
  options: { readonly version: number; readonly input: Input } & StartingOptions<Input> &
    KeepingOptions &
    RecoveringOptions,
): Contract<Input> {
  const { version, input } = options ?? {}
  const problems: BlueprintProblem[] = []
  if (!NAME_PATTERN.test(name)) {
    problems.push({ at: 'name', problem: 'lower-case letters, digits and dashes, starting with a letter' })
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    problems.push({ at: 'version', problem: `it must be a whole number from 1 up, not ${version}` })
  }
  if (!(input instanceof ZodType)) problems.push({ at: 'input', problem: 'it must be a zod schema' })
  const starting = startingOf((options ?? {}) as StartingOptions<never>, problems)
  const keeping = keepingOf((options ?? {}) as KeepingOptions, problems)
  const recovering = recoveringOf((options ?? {}) as RecoveringOptions, problems)
  if (problems.length > 0) throw definitionInvalid(String(name), problems)
  return {
    name,
    version,
    input,
    ...(starting === undefined ? {} : { starting }),
    ...(keeping === undefined ? {} : { keeping }),
    ...(recovering === undefined ? {} : { recovering }),
  }
}
