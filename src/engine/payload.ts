/**
 * Payloads: JSON, checked before it gets near a batch. U+0000 and lone surrogates would abort the whole transaction
 * in jsonb; what does not come back as it went in would surprise a later step.
 */
import { SagaError } from './errors.ts'

export type PayloadRules = {
  /** Names the payload in errors: "the result of step …". */
  readonly what: string
  /** Of UTF-8. */
  readonly maxBytes: number
}

/**
 * The value as JSON text. `undefined` is no payload at all; a `Date` becomes a string, as `JSON.stringify` has it.
 *
 * @throws SagaError `PAYLOAD_INVALID` with the field, `PAYLOAD_TOO_LARGE`.
 */
export function checkPayload(value: unknown, rules: PayloadRules): { readonly json: string | undefined } {
  if (value === undefined) return { json: undefined }
  const problem = findProblem(value, '', new Set())
  if (problem !== undefined) throw invalid(rules.what, problem)
  const json = JSON.stringify(value)
  if (json === undefined) throw invalid(rules.what, { path: '', problem: 'is nothing that JSON can hold' })
  // A string has at most three bytes of UTF-8 for each of its units: only near the limit is it worth counting.
  if (json.length * 3 > rules.maxBytes && Buffer.byteLength(json) > rules.maxBytes) {
    throw new SagaError('PAYLOAD_TOO_LARGE', `${capital(rules.what)} has ${Buffer.byteLength(json)} bytes, and ${rules.maxBytes} are allowed. Store it elsewhere and pass a reference, or raise maxPayloadBytes.`)
  }
  return { json }
}

type Problem = { readonly path: string; readonly problem: string }

function findProblem(value: unknown, path: string, above: Set<object>): Problem | undefined {
  switch (typeof value) {
    case 'string':
      return textProblem(value, path)
    case 'number':
      if (Object.is(value, -0)) return { path, problem: 'is -0, which JSON turns into 0' }
      return Number.isFinite(value) ? undefined : { path, problem: `is ${value}, which JSON cannot hold` }
    case 'boolean':
    case 'undefined':
      return undefined
    case 'object':
      return value === null ? undefined : objectProblem(value, path, above)
    default:
      return { path, problem: `is a ${typeof value}, which JSON cannot hold` }
  }
}

function textProblem(text: string, path: string): Problem | undefined {
  if (text.includes('\u0000')) return { path, problem: 'holds U+0000, which Postgres cannot store' }
  return text.isWellFormed() ? undefined : { path, problem: 'holds a lone surrogate, which Postgres cannot store' }
}

function objectProblem(value: object, path: string, above: Set<object>): Problem | undefined {
  if (above.has(value)) return { path, problem: 'contains itself' }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    if (value instanceof Date && Number.isNaN(value.getTime())) return { path, problem: 'is an invalid date' }
    return findProblem(value.toJSON(), path, above)
  }
  above.add(value)
  try {
    return Array.isArray(value) ? arrayProblem(value, path, above) : recordProblem(value, path, above)
  } finally {
    above.delete(value)
  }
}

function arrayProblem(values: readonly unknown[], path: string, above: Set<object>): Problem | undefined {
  for (let index = 0; index < values.length; index += 1) {
    const at = `${path}[${index}]`
    if (values[index] === undefined) return { path: at, problem: 'is undefined, which JSON turns into null in a list' }
    const problem = findProblem(values[index], at, above)
    if (problem !== undefined) return problem
  }
  return undefined
}

function recordProblem(value: object, path: string, above: Set<object>): Problem | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) {
    const name = (prototype as { constructor?: { name?: string } }).constructor?.name ?? 'some class'
    return { path, problem: `is an instance of ${name}, which does not come back from JSON as it was` }
  }
  for (const [key, inner] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`
    const problem = textProblem(key, at) ?? findProblem(inner, at, above)
    if (problem !== undefined) return problem
  }
  return undefined
}

function invalid(what: string, { path, problem }: Problem): SagaError {
  const field = path === '' ? '' : `: "${path}"`
  return new SagaError('PAYLOAD_INVALID', `${capital(what)}${field} ${problem}.`, { details: { field: path } })
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
