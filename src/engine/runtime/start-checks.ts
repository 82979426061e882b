/** What can be wrong with a start before anything is stored: its name tags, and its input. */
import type { Contract, Definition } from '../definition.ts'
import { SagaError } from '../errors.ts'
import { checkPayload } from '../payload.ts'
import { isPriority, isWhenBusy, PRIORITY_PROBLEM, WHEN_BUSY_PROBLEM } from '../starting.ts'
import { isId } from './ids.ts'
import type { StartOptions } from './start.ts'

const MAX_KEY = 500
export const KEY_PROBLEM = `key is text of 1 to ${MAX_KEY} characters, without U+0000 or lone surrogates`
const MAX_TAGS = 20
const MAX_TAG = 100
const EARLIEST = Date.UTC(1970, 0, 1)
const LATEST = Date.UTC(9999, 0, 1)

/** @throws SagaError `NAME_INVALID`. */
export function checkIdentity(
  definition: { readonly name: string },
  { key, id, tags, startAt, deadlineAt, priority, concurrencyKey, whenBusy, correctionOf }: StartOptions,
): void {
  const fail = (message: string) => new SagaError('NAME_INVALID', `Saga ${definition.name} was not started: ${message}`)
  if (id !== undefined && !isId(id)) {
    throw fail(`"${String(id).slice(0, 100)}" is not a UUID in lower case. Leave the id out, or give one.`)
  }
  if (key !== undefined && !isKey(key)) throw fail(`a ${KEY_PROBLEM}.`)
  const areTags = tags === undefined || (Array.isArray(tags) && tags.length <= MAX_TAGS)
  if (!areTags || tags?.some((tag) => !isText(tag, MAX_TAG)) === true) {
    throw fail(`its tags are a list of at most ${MAX_TAGS} texts of 1 to ${MAX_TAG} characters.`)
  }
  if (concurrencyKey !== undefined && !isKey(concurrencyKey)) throw fail(`a concurrency ${KEY_PROBLEM}.`)
  if (whenBusy !== undefined && !isWhenBusy(whenBusy)) throw fail(`${WHEN_BUSY_PROBLEM}.`)
  if (correctionOf !== undefined && !isId(correctionOf)) {
    throw fail(`correctionOf is the id of a saga, not "${String(correctionOf).slice(0, 100)}".`)
  }
  if (priority !== undefined && !isPriority(priority)) throw fail(`${PRIORITY_PROBLEM}.`)
  for (const moment of [startAt, deadlineAt]) {
    if (moment !== undefined && !isMoment(moment)) {
      throw fail('startAt and deadlineAt must be valid dates, from 1970 to 9998.')
    }
  }
}

export function isKey(value: unknown): value is string {
  return isText(value, MAX_KEY)
}

function isText(value: unknown, max: number): boolean {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= max &&
    !value.includes('\u0000') &&
    value.isWellFormed()
  )
}

function isMoment(value: unknown): boolean {
  return value instanceof Date && value.getTime() >= EARLIEST && value.getTime() < LATEST
}

/**
 * The input as steps will see it, as JSON text: parsed by the definition's schema, once.
 *
 * @throws SagaError `INPUT_INVALID` with the fields, `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`.
 */
export async function checkInput(definition: Definition | Contract, input: unknown, maxBytes: number): Promise<string> {
  const what = `the input of saga ${definition.name}`
  const parsed = await definition.input.safeParseAsync(input)
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => ({
      path: issue.path.map(String).join('.'),
      message: issue.message,
    }))
    const list = fields.map((field) => `${field.path === '' ? '(whole)' : field.path}: ${field.message}`).join('; ')
    throw new SagaError(
      'INPUT_INVALID',
      `The input does not fit ${definition.name} version ${definition.version}. ${list}`,
      { details: { fields } },
    )
  }
  return checkPayload(parsed.data, { what, maxBytes }).json ?? 'null'
}
