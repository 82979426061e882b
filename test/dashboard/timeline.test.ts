/** The timeline: attempts out of a journal, time as places on a line, and what is drawn of it. No database. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attemptsOf } from '../../src/dashboard/timeline/attempts.ts'
import { axisOf, idleIn } from '../../src/dashboard/timeline/axis.ts'
import { draw, MAX_ROWS } from '../../src/dashboard/timeline/draw.ts'
import { type Row, type Timeline, timelineOf } from '../../src/dashboard/timeline/rows.ts'
import type { JournalLine, SagaEvent, SagaView } from '../../src/index.ts'
import { hostile } from './orders.ts'
import { textOf } from './text-of.ts'

const START = Date.UTC(2026, 10, 21, 14)
const HOUR = 3_600_000

/** Events at so many ms after the start; of an attempt that ended, how long it ran. */
function journal(
  ...events: readonly (readonly [atMs: number, event: object, ranMs?: number])[]
): readonly JournalLine[] {
  return events.map(([atMs, event, ranMs], index) => ({
    sequence: index + 1,
    at: new Date(START + atMs),
    event: event as SagaEvent,
    hasPayload: false,
    worker: ranMs === undefined ? null : 'w-1',
    build: null,
    ranMs: ranMs ?? null,
  }))
}

const of = (type: string, step: string, attempt: number, more: object = {}) => ({
  type,
  step,
  side: 'action',
  attempt,
  ...more,
})
const error = { name: 'Error', message: 'No.' }

const retried = journal(
  [0, { type: 'saga_started', blueprint: 'x' }],
  [0, of('attempt_scheduled', 'charge', 1, { jobId: 'a', at: START })],
  [500, of('attempt_failed', 'charge', 1, { verdict: 'not_applied', error, retryAt: START + 2_500 }), 200],
  [2_600, of('attempt_scheduled', 'charge', 2, { jobId: 'b', at: START + 2_600 })],
  [3_000, of('step_completed', 'charge', 2), 300],
)

function saga(...names: readonly string[]): SagaView {
  const steps = names.map((name) => ({ name, state: 'completed' }))
  return { steps, status: 'completed', createdAt: new Date(START), finishedAt: null } as unknown as SagaView
}

const timeline = (lines: readonly JournalLine[], of_: SagaView = saga('charge'), now = START) =>
  timelineOf({ saga: of_, lines, items: [], now })

describe('attempts', () => {
  test('have when they were queued, ran and ended, what came of them, and when the next is due', () => {
    expect(attemptsOf(retried)).toMatchObject([
      {
        number: 1,
        queuedAt: START,
        startedAt: START + 300,
        endedAt: START + 500,
        end: 'failed',
        retryAt: START + 2_500,
        error,
      },
      {
        number: 2,
        queuedAt: START + 2_600,
        startedAt: START + 2_700,
        endedAt: START + 3_000,
        end: 'succeeded',
        worker: 'w-1',
      },
    ])
  })

  test('that were delivered again go on as the next one', () => {
    const lines = journal(
      [0, of('attempt_scheduled', 'charge', 1)],
      [900, of('attempt_lost', 'charge', 1, { redelivered: true })],
      [1_200, of('step_completed', 'charge', 2), 100],
    )
    expect(attemptsOf(lines)).toMatchObject([{ end: 'lost' }, { number: 2, queuedAt: START + 900, end: 'succeeded' }])
  })

  test('are open until something is said of them, and keep what came late', () => {
    const open = [
      [0, of('attempt_scheduled', 'charge', 1)],
      [100, of('step_checkpointed', 'charge', 1)],
    ] as const
    expect(attemptsOf(journal(...open))).toMatchObject([{ end: 'open' }])
    const late = journal(
      ...open,
      [200, of('attempt_lost', 'charge', 1)],
      [300, of('late_report', 'charge', 1, { outcome: 'succeeded' })],
    )
    expect(attemptsOf(late)).toMatchObject([{ end: 'lost', late: 'Reported late: succeeded' }])
  })

  test('of earlier releases do not say when they began', () => {
    const lines = journal([0, of('attempt_scheduled', 'charge', 1)], [100, of('step_completed', 'charge', 1)])
    expect(attemptsOf(lines)[0]).not.toHaveProperty('startedAt')
    expect(timeline(lines).rows[0]?.forward).toMatchObject([{ kind: 'either', from: START, to: START + 100 }])
  })
})

describe('a row', () => {
  test('has waiting, running and backoff of all attempts, one after the other', () => {
    const [row] = timeline(retried).rows
    expect(row?.forward.map(({ kind, from, to }) => [kind, from - START, to - START])).toEqual([
      ['queued', 0, 300],
      ['ran', 300, 500],
      ['backoff', 500, 2_500],
      ['queued', 2_600, 2_700],
      ['ran', 2_700, 3_000],
    ])
    expect(row?.forward.map(({ hasFailed }) => hasFailed === true)).toEqual([false, true, false, false, false])
    expect(row?.back).toEqual([])
  })

  test('has its compensation in a lane of its own', () => {
    const lines = [
      ...retried,
      ...journal(
        [4_000, of('attempt_scheduled', 'charge', 1, { side: 'compensation' })],
        [5_000, of('step_compensated', 'charge', 1, { side: 'compensation', round: 1 }), 900],
      ),
    ]
    expect(timeline(lines).rows[0]?.back.map(({ kind }) => kind)).toEqual(['queued', 'ran'])
  })

  test('says for how long its step was held', () => {
    const lines = journal(
      [0, { type: 'step_withheld', step: 'charge', side: 'action', why: 'hold', at: START }],
      [HOUR, of('attempt_scheduled', 'charge', 1)],
      [HOUR + 10, of('step_completed', 'charge', 1), 5],
    )
    expect(timeline(lines).rows[0]?.forward[0]).toMatchObject({
      kind: 'held',
      from: START,
      to: START + HOUR,
      says: 'Waited: held',
    })
  })

  test('is there for each step in order, also for those that were not reached', () => {
    expect(timeline(retried, saga('first', 'charge', 'last')).rows.map(({ step }) => step)).toEqual([
      'first',
      'charge',
      'last',
    ])
  })
})

describe('marks', () => {
  test('are what people did, and where the saga turned or stopped', () => {
    const act = { actor: hostile, reason: 'r', requestId: 'q' }
    const lines = journal(
      [0, of('attempt_scheduled', 'charge', 1)],
      [10, { type: 'saga_paused', act }],
      [20, { type: 'saga_turned', cause: { kind: 'deadline' } }],
      [30, { type: 'saga_dead_lettered', reason: 'hook', jobId: 'j', at: START }],
    )
    const marked = timeline(lines)
    expect(marked.marks.map(({ kind }) => kind)).toEqual(['act', 'turn', 'stop'])
    const drawn = textOf(draw(marked, { isFolded: true, from: 0, href: () => undefined }).markup)
    expect(drawn).toContain('alert(1)')
    expect(drawn).not.toMatch(/<script|<img|<b /)
  })
})

describe('the end of the line', () => {
  test('is about now while the saga is under way, and the same from one look to the next', () => {
    const lines = journal([0, of('attempt_scheduled', 'charge', 1)])
    const to = (now: number) => timeline(lines, saga('charge'), now).range.to - START
    expect(to(START + 61_000)).toBe(60_000)
    expect(to(START + 62_000)).toBe(60_000)
    expect(to(START + 100 * HOUR)).toBeGreaterThan(80 * HOUR)
    expect(timeline(retried, saga('charge'), START + 100 * HOUR).range.to).toBe(START + 3_000)
  })
})

describe('time on a line', () => {
  const range = { from: 0, to: 48 * HOUR }
  const busy = [
    { from: 0, to: 2_000 },
    { from: 47 * HOUR, to: 48 * HOUR },
  ]

  test('is folded where nothing ran for long', () => {
    const idle = idleIn(range, busy)
    expect(idle).toEqual([{ from: 2_000, to: 47 * HOUR }])
    const folded = axisOf(range, idle, 0, 1_000)
    const whole = axisOf(range, [], 0, 1_000)
    expect(whole.place(47 * HOUR)).toBeGreaterThan(900)
    expect(folded.place(47 * HOUR)).toBeLessThan(60)
    expect(folded.place(range.to)).toBeCloseTo(1_000)
  })

  test('is not folded for seconds, nor for what is little of the whole', () => {
    expect(idleIn({ from: 0, to: 50_000 }, [{ from: 0, to: 1 }])).toEqual([])
    expect(idleIn({ from: 0, to: 100 * HOUR }, [{ from: HOUR, to: 100 * HOUR }])).toEqual([])
  })

  test('never runs backwards, whatever is folded, and stays within its width', () => {
    const spans = fc.array(fc.tuple(fc.nat(HOUR * 100), fc.nat(HOUR)), { maxLength: 12 })
    fc.assert(
      fc.property(spans, fc.array(fc.nat(HOUR * 101), { maxLength: 20 }), (all, moments) => {
        const some = all.map(([from, length]) => ({ from, to: from + length }))
        const line = { from: 0, to: HOUR * 101 }
        const axis = axisOf(line, idleIn(line, some), 100, 800)
        const places = moments.toSorted((a, b) => a - b).map(axis.place)
        for (const [index, x] of places.entries()) {
          expect(x).toBeGreaterThanOrEqual(Math.max(100, (places[index - 1] ?? 0) - 1e-6))
          expect(x).toBeLessThanOrEqual(900 + 1e-6)
        }
        for (const [index, tick] of axis.ticks.entries()) {
          if (index > 0) expect(tick.x - (axis.ticks[index - 1]?.x ?? 0)).toBeGreaterThanOrEqual(90)
        }
        expect(axis.ticks.length).toBeLessThan(12)
      }),
    )
  })
})

describe('the drawing', () => {
  const rows = (count: number): readonly Row[] =>
    Array.from({ length: count }, (_, at) => ({ step: `step-${at}`, forward: [], back: [] }))
  const long: Timeline = { rows: rows(450), marks: [], range: { from: 0, to: 10 }, attempts: [] }
  const drawn = (from: number) => textOf(draw(long, { isFolded: true, from, href: () => undefined }).markup)

  test('has at most so many rows, from the one that is asked for', () => {
    expect(drawn(0).match(/class="row"/g)).toHaveLength(MAX_ROWS)
    expect(drawn(400).match(/class="row"/g)).toHaveLength(50)
    expect(drawn(400)).toContain('<title>step-400</title>')
  })

  test('tells kinds apart by patterns, and holds no style', () => {
    const text = textOf(draw(timeline(retried), { isFolded: true, from: 0, href: (step) => `#a-${step}` }).markup)
    expect(text).toContain('fill="url(#t-queued)"')
    expect(text).toContain('class="bar backoff above"')
    expect(text).toContain('class="cross"')
    expect(text).toContain('<a href="#a-charge">')
    expect(text).not.toMatch(/style=|NaN|undefined/)
  })
})
