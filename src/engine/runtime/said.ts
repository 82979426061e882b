/** What a function's return says: a result to be stored, the option of a branch, or what a verification found. */
import { type BranchNode, definedName, type MapNode, nodeOf } from '../core/blueprint.ts'
import type { Delivery } from '../core/input.ts'
import { type Definition, NOTHING_TO_UNDO } from '../definition.ts'
import { SagaError, StepRejected } from '../errors.ts'
import { checkPayload } from '../payload.ts'

/** However late the function was: so long its result is looked at. */
export const SHORTEST_CHECK_MS = 500

export type Said = {
  readonly option?: string | null
  readonly items?: { readonly count: number; readonly concurrency: number }
  readonly found?: 'applied' | 'not_applied' | 'unknown'
  /** A compensation that had nothing to do. */
  readonly needless?: true
  /** JSON text that has been checked. */
  readonly payload?: string
}

/** @param leftMs for the output schema. */
export async function saidBy(
  definition: Definition,
  delivery: Delivery,
  value: unknown,
  maxBytes: number,
  leftMs: number,
): Promise<Said | { readonly error: unknown }> {
  if (delivery.side === 'verify') return found(definition, delivery, value, maxBytes, leftMs)
  // Results of compensations and hooks are not kept, so they need not be storable.
  if (delivery.side === 'compensation') return value === NOTHING_TO_UNDO ? { needless: true } : {}
  if (delivery.step.startsWith('@')) return {}
  const node = nodeOf(definition.blueprint, delivery.step)
  if (node?.node === 'branch') return optionOf(node, value)
  if (node?.node === 'map') return listOf(definition, node, value, maxBytes)
  return storable(definition, delivery, value, maxBytes, leftMs)
}

/** Each of its items is a step: what is longer is better cut into several sagas. */
const LONGEST_LIST = 100_000

/** What is no list now would be none the next time. */
function listOf(
  definition: Definition,
  { name }: MapNode,
  value: unknown,
  maxBytes: number,
): Said | { readonly error: unknown } {
  const concurrency = definition.steps.get(name)?.list?.concurrency ?? 1
  const wrong = !Array.isArray(value)
    ? `not ${value === null ? 'null' : `a ${typeof value}`}`
    : value.length > LONGEST_LIST
      ? `of at most ${LONGEST_LIST} items, not ${value.length}`
      : undefined
  if (wrong !== undefined) {
    return { error: new StepRejected(`Map "${name}" goes over a list, ${wrong}.`, { code: 'LIST_INVALID' }) }
  }
  const list = value as readonly unknown[]
  try {
    const { json = '[]' } = checkPayload(list, { what: `the list of map "${name}" of ${definition.name}`, maxBytes })
    return { items: { count: list.length, concurrency }, payload: json }
  } catch (error) {
    const { message } = error as Error
    return { error: new StepRejected(message, { code: 'LIST_INVALID', cause: error }) }
  }
}

async function found(
  definition: Definition,
  delivery: Delivery,
  value: unknown,
  maxBytes: number,
  leftMs: number,
): Promise<Said | { readonly error: unknown }> {
  if (value === 'not_applied' || value === 'unknown') return { found: value }
  if (typeof value !== 'object' || value === null || !('result' in value)) {
    const message = `The verification of "${delivery.step}" returns { result }, 'not_applied' or 'unknown'.`
    return { error: new StepRejected(message, { code: 'VERIFICATION_INVALID' }) }
  }
  const result = await storable(definition, delivery, value.result, maxBytes, leftMs)
  return 'error' in result ? result : { found: 'applied', ...result }
}

/** A chooser that names no option would name none again, so that it is refused. */
function optionOf(node: BranchNode, value: unknown): Said | { readonly error: unknown } {
  if (value === null) return { option: null }
  if (typeof value === 'string' && Object.hasOwn(node.options, value)) return { option: value }
  const chosen = typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : `a ${typeof value}`
  const known = Object.keys(node.options).join(', ')
  return {
    error: new StepRejected(`Branch "${node.name}" has no option ${chosen}; it has ${known}, or null for none.`, {
      code: 'OPTION_UNKNOWN',
    }),
  }
}

async function storable(
  definition: Definition,
  delivery: Delivery,
  value: unknown,
  maxBytes: number,
  leftMs: number,
): Promise<{ readonly payload?: string } | { readonly error: unknown }> {
  const what = `the result of step "${delivery.step}" of ${definition.name}`
  const output = definition.steps.get(definedName(delivery.step))?.output
  try {
    const parsed =
      output === undefined
        ? { success: true as const, data: value }
        : await within(output.safeParseAsync(value), Math.max(leftMs, SHORTEST_CHECK_MS), what)
    if (!parsed.success) {
      const fields = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`)
      throw new SagaError('PAYLOAD_INVALID', `${what} does not fit its output schema: ${fields.join('; ')}`)
    }
    const { json } = checkPayload(parsed.data, { what, maxBytes })
    return json === undefined ? {} : { payload: json }
  } catch (error) {
    return { error }
  }
}

/** A schema can wait for something that never comes; the attempt has its slot only for its time. */
async function within<T>(parsing: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new SagaError('STEP_TIMEOUT', `The output schema has not judged ${what} in the time of its attempt.`)
    timer = setTimeout(() => reject(error), ms)
  })
  try {
    return await Promise.race([parsing, late])
  } finally {
    clearTimeout(timer)
  }
}
