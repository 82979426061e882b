/** What stands in the rows of a timeline: a row for each step, forward above compensation, and marks across all rows. */
import { definedName } from '../../engine/core/blueprint.ts'
import type { Side } from '../../engine/core/machine.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import type { ItemSpan, JournalLine } from '../../engine/store/journal-parts.ts'
import { actOf, inWords } from '../words/events.ts'
import { type Attempt, attemptsOf } from './attempts.ts'
import type { Range } from './axis.ts'

/**
 * `queued`: not begun. `ran`: its function ran. `either`: nobody has noted when it began. `backoff`: until the next attempt.
 * `held`: a hold, a pause or missing code. `child`: another saga is waited for. `items`: of a map, all together.
 */
export type Kind = 'queued' | 'ran' | 'either' | 'backoff' | 'held' | 'child' | 'items'

export type Segment = Range & {
  readonly kind: Kind
  /** It has not come to its end. */
  readonly isOpen?: boolean
  readonly hasFailed?: boolean
  readonly says: string
}

export type Row = {
  readonly step: string
  readonly forward: readonly Segment[]
  readonly back: readonly Segment[]
}

/** What happened to the saga as a whole. */
export type Mark = { readonly at: number; readonly kind: 'act' | 'turn' | 'stop'; readonly says: string }

export type Timeline = {
  readonly rows: readonly Row[]
  readonly marks: readonly Mark[]
  readonly range: Range
  readonly attempts: readonly Attempt[]
}

type Source = {
  readonly saga: Pick<SagaView, 'steps' | 'finishedAt' | 'createdAt' | 'status'>
  readonly lines: readonly JournalLine[]
  readonly items: readonly ItemSpan[]
  readonly now: number
}

export function timelineOf({ saga, lines, items, now }: Source): Timeline {
  const attempts = attemptsOf(lines)
  const range = rangeOf(saga, lines, attempts, now)
  const waits = waitsOf(lines, range.to)
  const names = [...new Set([...saga.steps.map(({ name }) => name), ...hooksIn(attempts)])]
  const lane = (step: string, sides: readonly Side[]): readonly Segment[] => [
    ...items.filter(({ map, side }) => map === step && sides.includes(side)).map(itemSegment),
    ...waits.filter((wait) => wait.step === step && sides.includes(wait.side)).map(({ segment }) => segment),
    ...segmentsOf(
      attempts.filter((attempt) => attempt.step === step && sides.includes(attempt.side)),
      range.to,
    ),
  ]
  const rows = names.map((step) => ({
    step,
    forward: lane(step, ['action', 'verify']),
    back: lane(step, ['compensation']),
  }))
  return { rows, marks: lines.flatMap(markOf), range, attempts }
}

/** Not items: they stand in the row of their map. */
function hooksIn(attempts: readonly Attempt[]): readonly string[] {
  return attempts.map(({ step }) => step).filter((step) => step.startsWith('@'))
}

/** From its start to the last thing that happened; of a live saga, to about now. */
function rangeOf(
  saga: Source['saga'],
  lines: readonly JournalLine[],
  attempts: readonly Attempt[],
  now: number,
): Range {
  const first = lines.find(({ event }) => 'attempt' in event) ?? lines[0]
  const from = first?.at.getTime() ?? saga.createdAt.getTime()
  const last = lines.at(-1)?.at.getTime() ?? from
  const isUnderWay = attempts.some(({ end }) => end === 'open') || ['running', 'compensating'].includes(saga.status)
  const to = isUnderWay ? Math.max(last, from + steady(now - from)) : last
  return { from, to: Math.max(to, from + 1) }
}

/** Not to the millisecond: a page without news has to stay the same page from one look to the next. */
function steady(ms: number): number {
  if (ms <= 0) return 0
  const power = 10 ** Math.floor(Math.log10(ms))
  return ([8, 6, 5, 4, 3, 2.5, 2, 1.5, 1.2, 1].find((factor) => factor * power <= ms) ?? 1) * power
}

function segmentsOf(attempts: readonly Attempt[], end: number): readonly Segment[] {
  return attempts.flatMap((attempt, at) => {
    const { queuedAt, startedAt, endedAt = end, number, says, retryAt } = attempt
    const isOpen = attempt.end === 'open'
    const hasFailed = attempt.end === 'failed' || attempt.end === 'lost'
    const name = `Attempt ${number}`
    const from = queuedAt ?? startedAt ?? endedAt
    const segments: Segment[] = []
    if (startedAt === undefined) {
      const kind = attempt.end === 'returned' ? 'queued' : 'either'
      segments.push({ kind, from, to: endedAt, isOpen, hasFailed, says: `${name}: ${says}` })
    } else {
      if (startedAt > from) segments.push({ kind: 'queued', from, to: startedAt, says: `${name}: queued` })
      segments.push({ kind: 'ran', from: startedAt, to: endedAt, hasFailed, says: `${name}: ${says}` })
    }
    const next = attempts[at + 1]?.queuedAt
    if (attempt.end === 'failed' && (retryAt !== undefined || next !== undefined)) {
      const until = Math.min(next ?? end, retryAt ?? Number.POSITIVE_INFINITY)
      if (until > endedAt)
        segments.push({ kind: 'backoff', from: endedAt, to: until, says: `Waits after attempt ${number}` })
    }
    if (attempt.end === 'child') {
      segments.push({ kind: 'child', from: endedAt, to: next ?? end, says: 'Waits for the saga that it has started' })
    }
    return segments
  })
}

function itemSegment({ from, to, events }: ItemSpan): Segment {
  return { kind: 'items', from: from.getTime(), to: to.getTime(), says: `Its items: ${events} events` }
}

type Wait = { readonly step: string; readonly side: Side; readonly segment: Segment }

const WHY = { pause: 'paused', hold: 'held', code: 'no live worker knew it' } as const

/** From when a step was withheld to when it was queued all the same. */
function waitsOf(lines: readonly JournalLine[], end: number): readonly Wait[] {
  return lines.flatMap(({ event, at }, index) => {
    if (event.type !== 'step_withheld' && event.type !== 'attempt_returned') return []
    if (event.why === 'turned') return []
    const { step, side } = event
    const next = lines.slice(index + 1).find((later) => {
      return 'step' in later.event && later.event.step === step && later.event.type !== 'step_withheld'
    })
    const to = next?.at.getTime() ?? end
    const segment: Segment = {
      kind: 'held',
      from: at.getTime(),
      to,
      isOpen: next === undefined,
      says: `Waited: ${WHY[event.why]}`,
    }
    return [{ step: definedName(step), side, segment }]
  })
}

function markOf({ event, at }: JournalLine): readonly Mark[] {
  const act = actOf(event)
  const where = 'step' in event && event.step !== undefined ? ` (${event.step})` : ''
  if (act !== undefined) return [{ at: at.getTime(), kind: 'act', says: `${inWords(event)}${where}, by ${act.actor}` }]
  if (event.type === 'saga_turned') return [{ at: at.getTime(), kind: 'turn', says: inWords(event) }]
  if (event.type === 'saga_dead_lettered') return [{ at: at.getTime(), kind: 'stop', says: inWords(event) }]
  return []
}
