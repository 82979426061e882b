/** A saga as one file: what it is, its steps, its journal with payloads. What may not be seen on a page is not in it either. */
import type { SagaOutline } from '../../engine/excerpts.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { JournalLine } from '../../engine/store/journal-parts.ts'
import { aboutPayload } from '../pages/saga.ts'
import { writeExactly } from '../payload/exact.ts'
import type { Redaction } from '../redaction.ts'

/** Events in one file: the newest ones. */
const MAX_EVENTS = 20_000
const AT_ONCE = 1_000
const PAYLOADS_AT_ONCE = 25
/** Of one payload; and of all of them together. */
const MAX_PAYLOAD_CHARACTERS = 1024 * 1024
const MAX_ALL_CHARACTERS = 32 * 1024 * 1024

const LEFT_OUT = { notExported: 'It is too large, or cannot be read.' }

/** @param exportedAt When that was asked for. */
export async function fileOfSaga(
  client: SagaClient,
  redaction: Redaction,
  outline: SagaOutline,
  exportedAt: Date,
): Promise<string> {
  const { saga } = outline
  const { state: _state, input: _input, steps, failure, ...summary } = saga
  const redacted = (value: unknown) => withoutMessages(value, redaction, saga)
  const lines = await linesOf(client, saga.id)
  const payloads = await payloadsOf(client, redaction, outline, lines)
  const journal = lines.map(({ sequence, at, event, hasPayload, worker, build, ranMs }) => ({
    sequence,
    at,
    event: redacted(event),
    ...(hasPayload ? { payload: payloads.has(sequence) ? payloads.get(sequence) : LEFT_OUT } : {}),
    ...(worker === null ? {} : { worker }),
    ...(build === null ? {} : { build }),
    ...(ranMs === null ? {} : { ranMs }),
  }))
  return writeExactly({
    exportedAt,
    isWhole: lines[0]?.sequence === 1,
    saga: { ...summary, failure: redacted(failure) },
    steps: redacted(steps),
    journal,
  })
}

async function linesOf(client: SagaClient, id: string): Promise<readonly JournalLine[]> {
  const parts: (readonly JournalLine[])[] = []
  let count = 0
  for (let before: number | undefined; before !== 1 && count < MAX_EVENTS; ) {
    const part = await client.excerpts.journal(id, { limit: AT_ONCE, ...(before === undefined ? {} : { before }) })
    if (part.length === 0) break
    parts.unshift(part)
    count += part.length
    before = part[0]?.sequence
  }
  return parts.flat()
}

async function payloadsOf(
  client: SagaClient,
  redaction: Redaction,
  { saga }: SagaOutline,
  lines: readonly JournalLine[],
): Promise<ReadonlyMap<number, unknown>> {
  const sequences = lines.filter(({ hasPayload }) => hasPayload).map(({ sequence }) => sequence)
  const found = new Map<number, unknown>()
  let left = MAX_ALL_CHARACTERS
  for (let at = 0; at < sequences.length && left > 0; at += PAYLOADS_AT_ONCE) {
    const some = sequences.slice(at, at + PAYLOADS_AT_ONCE)
    for (const payload of await client.excerpts.payloads(saga.id, some, MAX_PAYLOAD_CHARACTERS)) {
      const { sequence, text, characters, isWhole } = payload
      if (text === undefined || !isWhole || left < characters) continue
      left -= characters
      found.set(sequence, redaction.payload(text, aboutPayload(saga.id, saga.definition, payload)))
    }
  }
  return found
}

type Whose = { readonly id: string; readonly definition: string }

/** Wherever an error stands in it, its message is as it may be shown. */
function withoutMessages(value: unknown, redaction: Redaction, saga: Whose, step?: string): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (Array.isArray(value)) return value.map((part) => withoutMessages(part, redaction, saga, step))
  const own = stepOf(value) ?? step
  const about = { definition: saga.definition, sagaId: saga.id, ...(own === undefined ? {} : { step: own }) }
  return Object.fromEntries(
    Object.entries(value).map(([key, part]: [string, unknown]) => {
      if (key === 'message' && typeof part === 'string') return [key, redaction.message(part, about)]
      return [key, withoutMessages(part, redaction, saga, own)]
    }),
  )
}

function stepOf(value: object): string | undefined {
  const { step, name, state } = value as { readonly step?: unknown; readonly name?: unknown; readonly state?: unknown }
  if (typeof step === 'string') return step
  // A step as people see it has a state beside its name; an error has a message there.
  return typeof name === 'string' && typeof state === 'string' ? name : undefined
}
