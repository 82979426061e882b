/** What the page of one saga is made of, read in parts: each has an end, however large the saga is. */
import type { Blueprint } from '../engine/core/blueprint.ts'
import type { PayloadText, SagaOutline } from '../engine/excerpts.ts'
import { bringsResult } from '../engine/result-events.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import type { JournalLine } from '../engine/store/journal-parts.ts'
import { MAX_SHOWN_CHARACTERS } from './partials/json.ts'
import type { Shapes } from './shapes.ts'

/** Events on one page of the journal. */
export const JOURNAL_SHOWN = 100
/** Of the result of a step: there can be many of them. */
const MAX_RESULT_CHARACTERS = 16 * 1024
/** Results on one page. The others are in the journal. */
const MAX_RESULTS = 200

export type SagaDetail = {
  readonly outline: SagaOutline
  /** The newest events before the one that was asked for, items included. */
  readonly journal: readonly JournalLine[]
  /** The shape that it carries, once a worker with the code has taken it. */
  readonly blueprint: Blueprint | undefined
  readonly input: PayloadText | undefined
  /** By step. */
  readonly results: ReadonlyMap<string, PayloadText>
}

/** @param before of the journal: the sequence that its page ends in front of. */
export async function readDetail(
  client: SagaClient,
  shapes: Shapes,
  outline: SagaOutline,
  before: number | undefined,
): Promise<SagaDetail> {
  const { id, state } = outline.saga
  const at = resultsIn(outline.lines)
  const shown = [...at.values()].slice(-MAX_RESULTS)
  const [journal, blueprint, [input], results] = await Promise.all([
    client.excerpts.journal(id, { limit: JOURNAL_SHOWN, ...(before === undefined ? {} : { before }) }),
    shapes.of(state.blueprint),
    client.excerpts.payloads(id, [inputIn(outline.lines)], MAX_SHOWN_CHARACTERS),
    client.excerpts.payloads(id, shown, MAX_RESULT_CHARACTERS),
  ])
  const bySequence = new Map(results.map((result) => [result.sequence, result]))
  const byStep = [...at].flatMap(([step, sequence]): [string, PayloadText][] => {
    const result = bySequence.get(sequence)
    return result === undefined ? [] : [[step, result]]
  })
  return { outline, journal, blueprint, input, results: new Map(byStep) }
}

/** As it was last edited. */
export function inputIn(lines: readonly JournalLine[]): number {
  return lines.findLast(({ event: { type }, hasPayload }) => type === 'input_edited' && hasPayload)?.sequence ?? 1
}

function resultsIn(lines: readonly JournalLine[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const { event, hasPayload, sequence } of lines) {
    if (hasPayload && bringsResult(event) && 'step' in event && event.step !== undefined)
      found.set(event.step, sequence)
  }
  return found
}
