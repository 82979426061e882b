/** What of a saga may be told: engine views as the API answers them, after the host's `redact`. */
import type { SagaEvent } from '../../engine/core/events.ts'
import type { ErrorInfo } from '../../engine/core/state.ts'
import type { PayloadText } from '../../engine/excerpts.ts'
import type { SagaClient, SagaView, StepView } from '../../engine/saga-client.ts'
import type { JournalLine } from '../../engine/store/journal-parts.ts'
import type { SagaSummary } from '../../engine/store/reading.ts'
import { aboutPayload } from '../pages/saga.ts'
import type { Redaction } from '../redaction.ts'

type About = { readonly definition: string; readonly id: string }

/** Of one payload, and of all of one answer. What finds no room is left out, and said to be. */
const MAX_PAYLOAD_CHARACTERS = 1024 * 1024
const MAX_ALL_CHARACTERS = 8 * 1024 * 1024
const READ_AT_ONCE = 25

export function errorShown(redaction: Redaction, { definition, id }: About, error: ErrorInfo, step: string): object {
  const { name, message, code } = error
  const told = redaction.message(message, { definition, sagaId: id, step })
  return { name, message: told, ...(code === undefined ? {} : { code }) }
}

/** Named one by one: the packed state stays inside. */
export function summaryShown(redaction: Redaction, saga: SagaSummary) {
  const { id, definition, version, key, status, waiting, paused, priority, reason, errorGroup, failure } = saga
  const { tags, rerunOf, concurrencyKey, correctionOf, deadlineAt, createdAt, updatedAt, finishedAt } = saga
  const told =
    failure === null || failure === undefined
      ? null
      : { step: failure.step, error: errorShown(redaction, saga, failure.error, failure.step) }
  const what = { id, definition, version, key, status, waiting, paused, priority, reason, errorGroup, failure: told }
  const links = { tags, rerunOf, concurrencyKey, correctionOf }
  return { ...what, ...links, deadlineAt, createdAt, updatedAt, finishedAt }
}

export function sagaShown(redaction: Redaction, saga: SagaView): object {
  const { direction, draining, erased, state, steps, fits } = saga
  return {
    ...summaryShown(redaction, saga),
    direction,
    draining,
    erased,
    pivotPassed: state.pivoted === true,
    resolvedAs: state.resolvedAs ?? null,
    blueprint: state.blueprint,
    steps: steps.map((step) => stepShown(redaction, saga, step)),
    fits,
  }
}

function stepShown(redaction: Redaction, saga: SagaView, step: StepView): object {
  const { result: _payload, error, ...rest } = step
  return { ...rest, ...(error === undefined ? {} : { error: errorShown(redaction, saga, error, step.name) }) }
}

/** The payloads of these events, by sequence: numbers as they are stored, and no more of them than an answer may have. */
export async function payloadsShown(
  { client, redaction }: { readonly client: SagaClient; readonly redaction: Redaction },
  of: About,
  sequences: readonly number[],
): Promise<ReadonlyMap<number, object>> {
  const found = new Map<number, object>()
  let left = MAX_ALL_CHARACTERS
  for (let at = 0; at < sequences.length; at += READ_AT_ONCE) {
    const some = sequences.slice(at, at + READ_AT_ONCE)
    for (const payload of await client.excerpts.payloads(of.id, some, Math.min(MAX_PAYLOAD_CHARACTERS, left))) {
      const { sequence, text, characters, isWhole, unreadable } = payload
      const fits = text !== undefined && isWhole && characters <= left
      if (unreadable !== undefined) found.set(sequence, { unreadable })
      else found.set(sequence, fits ? { value: valueShown(redaction, of, payload, text) } : { leftOut: characters })
      if (fits) left -= characters
    }
  }
  return found
}

function valueShown(redaction: Redaction, { id, definition }: About, payload: PayloadText, text: string): unknown {
  return redaction.payload(text, aboutPayload(id, definition, payload))
}

export function entryShown(
  redaction: Redaction,
  of: About,
  { sequence, at, event, worker, build }: JournalLine,
  payload: object | undefined,
): object {
  const { type, ...rest } = event
  const shown = payload === undefined ? {} : { payload }
  return { sequence, at, type, event: { ...rest, ...errorOf(redaction, of, event) }, ...shown, worker, build }
}

function errorOf(redaction: Redaction, of: About, event: SagaEvent): object {
  if (!('error' in event) || event.error === undefined) return {}
  return { error: errorShown(redaction, of, event.error, event.step) }
}
