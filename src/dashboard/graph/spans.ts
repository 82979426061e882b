/** How long the two sides of each step took, by the journal. */
import { definedName } from '../../engine/core/blueprint.ts'
import type { SagaEvent } from '../../engine/core/events.ts'
import type { JournalMoment } from '../../engine/store/journal.ts'

/** In ms, from when its first attempt was queued to what its last one came to. */
export type Spans = { readonly action?: number; readonly compensation?: number }

type Range = { from: number; to: number }

const ENDS: readonly SagaEvent['type'][] = ['step_completed', 'step_compensated', 'attempt_failed', 'attempt_lost']

/** By the names of the definition: of a map, from the first of its items to the last. */
export function spansOf(journal: readonly JournalMoment[]): ReadonlyMap<string, Spans> {
  const ranges = new Map<string, { action?: Range; compensation?: Range }>()
  for (const { event, at } of journal) {
    if (!('step' in event) || event.step === undefined || !('side' in event)) continue
    const { side } = event
    if (side !== 'action' && side !== 'compensation') continue
    const name = definedName(event.step)
    const of = ranges.get(name) ?? {}
    ranges.set(name, of)
    if (event.type === 'attempt_scheduled') of[side] ??= { from: at.getTime(), to: Number.NaN }
    else if (ENDS.includes(event.type) && of[side] !== undefined) of[side].to = at.getTime()
  }
  return new Map(
    [...ranges].map(([name, { action, compensation }]) => [
      name,
      { ...length('action', action), ...length('compensation', compensation) },
    ]),
  )
}

function length(side: keyof Spans, range: Range | undefined): Spans {
  return range === undefined || Number.isNaN(range.to) ? {} : { [side]: range.to - range.from }
}
