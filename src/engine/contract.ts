/** Contracts: a saga's name, version and input, for processes that only start it. */
import type { ZodType } from 'zod'
import { NAME_PATTERN } from './core/blueprint.ts'
import type { Contract } from './definition.ts'
import { SagaError } from './errors.ts'

/**
 * What the web process and the worker share: `defineContract('fulfil-order', { version: 1, input: OrderInput })`.
 *
 * @throws SagaError `DEFINITION_INVALID`.
 */
export function defineContract<const Input extends ZodType>(
  name: string,
  options: { readonly version: number; readonly input: Input },
): Contract<Input> {
  const { version, input } = options
  if (!NAME_PATTERN.test(name)) {
    throw new SagaError(
      'DEFINITION_INVALID',
      `"${name}" cannot name a saga: use lower-case letters, digits and dashes, starting with a letter.`,
    )
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new SagaError(
      'DEFINITION_INVALID',
      `The version of saga ${name} is ${version}; it must be a whole number from 1 up.`,
    )
  }
  return { name, version, input }
}
