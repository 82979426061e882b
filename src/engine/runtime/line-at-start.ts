/** Whether a saga stands in line when it is started, in which one, and what it does when others stand there. */
import type { Contract, Definition } from '../definition.ts'
import { SagaError } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { claimFronts, firstInLine, joinLines } from '../store/line.ts'
import type { StartOptions } from './start.ts'
import { isKey, KEY_PROBLEM } from './start-checks.ts'

export type LineAtStart = {
  readonly key: string
  /** Only if nobody stands there: it begins at once, or is not started. */
  readonly mustBeFirst: boolean
}

/**
 * @param inputJson as its steps will see it.
 * @throws SagaError `NAME_INVALID` for a key that is none, or a `whenBusy` that makes no sense.
 */
export function lineOf(
  definition: Definition | Contract,
  start: Pick<StartOptions, 'concurrencyKey' | 'whenBusy' | 'startAt'>,
  inputJson: string,
): LineAtStart | undefined {
  const fail = (message: string, cause?: unknown) =>
    new SagaError('NAME_INVALID', `Saga ${definition.name} was not started: ${message}`, { cause })
  const { concurrency } = definition.starting ?? {}
  if (start.whenBusy !== undefined && start.concurrencyKey === undefined && concurrency === undefined) {
    throw fail('whenBusy has no meaning without a concurrencyKey. Give one, or leave it out.')
  }
  let key: unknown = start.concurrencyKey
  try {
    key ??= concurrency?.key(JSON.parse(inputJson) as never)
  } catch (cause) {
    throw fail('the function for its concurrency key threw; see the cause.', cause)
  }
  if (key === undefined) return undefined
  if (!isKey(key)) throw fail(`a concurrency ${KEY_PROBLEM}; its definition's function gives a ${typeof key}.`)
  const mustBeFirst = (start.whenBusy ?? concurrency?.whenBusy) === 'refuse'
  if (mustBeFirst && start.startAt !== undefined) {
    throw fail(
      "with a startAt nobody knows yet who will stand in its line. Leave startAt out, or give whenBusy: 'wait'.",
    )
  }
  return { key, mustBeFirst }
}

export type Lining = { readonly sagaId: string; readonly line: LineAtStart; readonly waits: boolean }

/**
 * @returns those that had to be first and are not, with who is; the others stand in line.
 * Transaction: that of their start, after their rows.
 */
export async function lineUp(
  db: Db,
  schema: string,
  sagas: readonly Lining[],
): Promise<readonly { readonly sagaId: string; readonly key: string; readonly first: string | undefined }[]> {
  const rows = (mustBeFirst: boolean) =>
    sagas.flatMap(({ sagaId, line, waits }) =>
      line.mustBeFirst === mustBeFirst && (mustBeFirst || waits) ? [{ sagaId, key: line.key }] : [],
    )
  const [first, waiting] = [rows(true), rows(false)]
  const claimed = first.length === 0 ? new Set() : await claimFronts(db, schema, first)
  const late = first.filter(({ sagaId }) => !claimed.has(sagaId))
  if (late.length === 0 && waiting.length > 0) await joinLines(db, schema, waiting)
  return Promise.all(late.map(async (saga) => ({ ...saga, first: await firstInLine(db, schema, saga.key) })))
}

export function keyBusy(definition: string, key: string, sagaId: string | undefined): SagaError {
  const who = sagaId === undefined ? 'another saga' : `saga ${sagaId}`
  return new SagaError(
    'KEY_BUSY',
    `Saga ${definition} was not started: ${who} has the concurrency key "${key}". Try again when it is at rest, or let it wait in line (whenBusy: 'wait').`,
    { details: { definition, sagaId } },
  )
}
