/**
 * Payloads: JSON, checked before it gets near a batch. U+0000 and lone surrogates would abort the whole transaction
 * in jsonb; what does not come back as it went in would surprise a later step.
 *
 * What is stored as it should be passes one `JSON.stringify` and one walk without a path (1 µs for 100 bytes); only
 * what does not is looked at again, for where and why.
 */
import { SagaError } from './errors.ts'

export type PayloadRules = {
  /** Names the payload in errors: "the result of step …". */
  readonly what: string
  /** Of UTF-8. */
  readonly maxBytes: number
}

/** Far from the 3 000 or so at which `JSON.parse` runs out of stack, wherever it is called from. */
const MAX_DEPTH = 500
const MAX_PATH = 200

/** What stands in the place of a payload has this field and no other. */
const MARK = '$saga'
const MARKED = `{"${MARK}":`

/** What is left of a payload when its saga has been erased, as JSON text. */
export const ERASED_PAYLOAD = `${MARKED}["erased"]}`

/** What stands in the place of a payload: what the app's codec made of it, or that it was erased. */
export type Mark = { readonly is: 'encoded'; readonly stored: unknown } | { readonly is: 'erased' }

/** @param json what the app's codec gave. */
export function encodedPayload(json: string): string {
  return `${MARKED}["encoded",${json}]}`
}

/** The mark of a stored payload; `undefined` for one that is there as it is. */
export function markOf(payload: unknown): Mark | undefined {
  if (typeof payload !== 'object' || payload === null || !(MARK in payload) || !isAlone(payload)) return undefined
  const mark: unknown = payload[MARK]
  if (!Array.isArray(mark)) return undefined
  if (mark[0] === 'erased') return { is: 'erased' }
  return mark[0] === 'encoded' ? { is: 'encoded', stored: mark[1] } : undefined
}

/** As `markOf`, of JSON text: nearly all of it is not even looked into. */
export function markIn(json: string): Mark | undefined {
  return json.startsWith(MARKED) ? markOf(JSON.parse(json)) : undefined
}

function isAlone(payload: object): boolean {
  return Object.keys(payload).length === 1
}

/** U+0000 or a lone surrogate, as `JSON.stringify` escapes them; not a backslash of the text itself. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][\da-f]{2})/

/**
 * The value as JSON text. `undefined` is no payload at all, and an undefined property is left out; a `Date`, like all
 * that has `toJSON`, becomes what that gives.
 *
 * @throws SagaError `PAYLOAD_INVALID` with the field, `PAYLOAD_TOO_LARGE`.
 */
export function checkPayload(value: unknown, rules: PayloadRules): { readonly json: string | undefined } {
  if (value === undefined) return { json: undefined }
  const json = stringify(value, rules.what)
  // Nearly all texts have no `\u` at all; those that do may still be harmless.
  if (!comesBack(value, 0) || (json.includes('\\u') && UNSTORABLE.test(json))) throw invalid(rules.what, value)
  if (json.startsWith(MARKED) && isAlone(JSON.parse(json) as object)) {
    const problem = `is an object whose only field is "${MARK}", which stands for payloads that are encoded or erased`
    throw new SagaError('PAYLOAD_INVALID', `${capital(rules.what)} ${problem}. Call the field something else.`, {
      details: { field: MARK },
    })
  }
  // A string has at most three bytes of UTF-8 for each of its units: only near the limit is it worth counting.
  if (json.length * 3 > rules.maxBytes && Buffer.byteLength(json) > rules.maxBytes) {
    throw new SagaError(
      'PAYLOAD_TOO_LARGE',
      `${capital(rules.what)} has ${Buffer.byteLength(json)} bytes, and ${rules.maxBytes} are allowed. Store it elsewhere and pass a reference, or raise maxPayloadBytes.`,
    )
  }
  return { json }
}

function stringify(value: unknown, what: string): string {
  let json: string | undefined
  let cause: unknown
  try {
    json = JSON.stringify(value)
  } catch (error) {
    cause = error
  }
  if (json === undefined) throw invalid(what, value, cause)
  return json
}

/** Whether JSON holds all of it, but for what is wrong inside strings. Must say no wherever `findProblem` finds one. */
function comesBack(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > MAX_DEPTH) return false
  if (hasToJson(value)) return jsonComesBack(value, depth)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      if (value[index] === undefined || !comesBack(value[index], depth + 1)) return false
    }
    return true
  }
  if (!isPlain(value)) return false
  for (const key in value) if (!comesBack((value as Record<string, unknown>)[key], depth + 1)) return false
  return true
}

function jsonComesBack(value: ToJson, depth: number): boolean {
  return !isInvalidDate(value) && comesBack(value.toJSON(''), depth + 1)
}

type ToJson = { readonly toJSON: (key: string) => unknown }

function hasToJson(value: object): value is ToJson {
  return typeof (value as Partial<ToJson>).toJSON === 'function'
}

/** A plain object of any realm: a test runner's `fetch` may come from another one. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}

/** It becomes null, which says nothing. */
function isInvalidDate(value: object): boolean {
  return value instanceof Date && Number.isNaN(value.getTime())
}

type Problem = { readonly path: string; readonly problem: string }

function findProblem(value: unknown, path: string, above: Set<object>): Problem | undefined {
  switch (typeof value) {
    case 'string':
      return textProblem(value, path)
    case 'number':
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
  if (above.size > MAX_DEPTH) return { path, problem: `is more than ${MAX_DEPTH} levels deep` }
  above.add(value)
  try {
    if (hasToJson(value)) {
      return isInvalidDate(value) ? { path, problem: 'is an invalid date' } : findProblem(value.toJSON(''), path, above)
    }
    return Array.isArray(value) ? listProblem(value, path, above) : recordProblem(value, path, above)
  } finally {
    above.delete(value)
  }
}

function listProblem(values: readonly unknown[], path: string, above: Set<object>): Problem | undefined {
  for (let index = 0; index < values.length; index += 1) {
    const at = `${path}[${index}]`
    if (values[index] === undefined) return { path: at, problem: 'is undefined, which JSON turns into null in a list' }
    const problem = findProblem(values[index], at, above)
    if (problem !== undefined) return problem
  }
  return undefined
}

function recordProblem(value: object, path: string, above: Set<object>): Problem | undefined {
  if (!isPlain(value)) {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name
    const what = typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an instance of a class'
    return { path, problem: `is ${what}, which does not come back from JSON as it was; give plain objects and lists` }
  }
  for (const [key, inner] of Object.entries(value)) {
    const at = fieldPath(path, key)
    const problem = textProblem(key, at) ?? findProblem(inner, at, above)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Keys that are no names are quoted, and escaped with it: the path is journalled. */
function fieldPath(path: string, key: string): string {
  if (!/^[\w$-]{1,100}$/.test(key)) return `${path}[${JSON.stringify(key.slice(0, 50))}]`
  return path === '' ? key : `${path}.${key}`
}

function invalid(what: string, value: unknown, cause?: unknown): SagaError {
  const { path, problem } = problemOf(value)
  const field = path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…` : path
  const at = field === '' ? '' : `, at ${field},`
  return new SagaError('PAYLOAD_INVALID', `${capital(what)}${at} ${problem}.`, { cause, details: { field } })
}

function problemOf(value: unknown): Problem {
  try {
    const problem = findProblem(value, '', new Set())
    if (problem !== undefined) return problem
  } catch {
    // A getter or toJSON of the value throws.
  }
  return { path: '', problem: 'cannot be turned into JSON that Postgres stores' }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
