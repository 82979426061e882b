/** What needs attention, from facts to sentences: no database. */
import { describe, expect, test } from 'vitest'
import type { Facts } from '../../src/dashboard/facts.ts'
import { concernsOf } from '../../src/dashboard/words/concerns.ts'
import { reportOf } from '../../src/dashboard/words/duties.ts'
import type { HoldView, MaintenanceEntry, WorkerView } from '../../src/index.ts'

const NOW = new Date('2026-11-21T13:40:00.000Z').getTime()
const HOUR_MS = 60 * 60 * 1_000
const ago = (ms: number) => new Date(NOW - ms)

const worker = (given: Partial<WorkerView> = {}): WorkerView => ({
  id: 'w',
  host: 'h',
  pid: 1,
  build: null,
  definitions: ['order@1'],
  startedAt: ago(9 * HOUR_MS),
  heartbeatAt: ago(1_000),
  isAlive: true,
  holdsLock: true,
  claimedJobs: 0,
  ...given,
})
const hold = (given: Partial<HoldView> = {}): HoldView => ({
  id: 'h',
  definition: 'order',
  step: 'charge',
  names: ['charge'],
  side: null,
  actor: 'ada',
  reason: 'The provider is down.',
  createdAt: ago(5 * 60_000),
  release: null,
  waiting: 3,
  ...given,
})
const entry = (given: Partial<MaintenanceEntry> = {}): MaintenanceEntry => ({
  id: 'e',
  duty: 'recovery',
  by: 'worker w',
  isDry: false,
  startedAt: ago(60_000),
  finishedAt: ago(59_000),
  outcome: {},
  error: null,
  ...given,
})
const duties = ['cleanup', 'recovery', 'statistics', 'analysis'] as const
const schedules = duties.map(
  (name) => ({ name, kind: 'maintenance', cron: '7 * * * *', tz: 'UTC', nextAt: null }) as const,
)
const done = Object.fromEntries(duties.map((duty) => [duty, [entry({ duty })]]))

const calm: Facts = {
  attention: { deadLetters: [], ignored: 0, overdueTimers: { count: 0, oldestMs: 0 }, underWay: [], mayBeMore: false },
  workers: [worker()],
  queues: [],
  holds: [],
  schedules,
  log: { ...done, watchdog: [] } as unknown as Facts['log'],
}
const said = (facts: Partial<Facts>) =>
  concernsOf({ ...calm, ...facts }, NOW).map(({ sign, says }) => [sign.tone, says])
const log = (given: Partial<Facts['log']>) => ({ log: { ...calm.log, ...given } })
const attention = (given: Partial<Facts['attention']>) => ({ attention: { ...calm.attention, ...given } })
const flights = (version: number, sagas: number, deadLetters = 0) => ({
  definition: 'order',
  version,
  blueprint: null,
  commands: 0,
  sagas,
  deadLetters,
})
const queue = (given: Partial<Facts['queues'][number]>) => ({
  name: 'saga_step',
  purpose: 'steps' as const,
  isTakenByWorkers: true,
  waiting: 2,
  later: 0,
  oldestMs: 61_000,
  ...given,
})

describe('nothing needs anybody', () => {
  test('while a worker lives, maintenance is done and nothing waits', () => {
    expect(said({})).toEqual([])
  })
})

describe('workers that live', () => {
  test('are missed, and nothing that only follows from it is said beside', () => {
    const facts = {
      ...attention({ underWay: [flights(1, 12, 2)], overdueTimers: { count: 4, oldestMs: HOUR_MS } }),
      workers: [worker({ isAlive: false })],
      queues: [queue({})],
      log: { cleanup: [], recovery: [], statistics: [], analysis: [], watchdog: [] },
    }
    expect(said(facts)).toEqual([['bad', 'No worker lives, and 10 sagas are under way. Start one again.']])
    const many = { ...attention({ underWay: [flights(1, 6_000)], mayBeMore: true }), workers: [] }
    expect(said(many)[0]?.[1]).toMatch(/^No worker lives, and at least 6000 sagas are under way\./)
    expect(said({ workers: [] })).toEqual([['care', 'No worker lives. Start an engine with your definitions.']])
  })

  test('lack the code of what is under way, which is worse than that of dead letters alone', () => {
    expect(said(attention({ underWay: [flights(1, 5), flights(2, 2), flights(2, 1, 1), flights(3, 1, 1)] }))).toEqual([
      ['bad', 'No live worker has order v2: 2 sagas and 1 dead letter cannot go on.'],
      ['care', 'No live worker has order v3: 1 dead letter cannot go on.'],
    ])
  })
})

describe('dead letters', () => {
  test('are told by reason, each with a link to those sagas', () => {
    const deadLetters = [
      { reason: 'past_pivot', count: 12, oldestAt: ago(3 * HOUR_MS) },
      { reason: 'compensation_exhausted', count: 1, oldestAt: ago(50_000) },
    ] as const
    const concerns = concernsOf({ ...calm, ...attention({ deadLetters }) }, NOW)
    expect(concerns.map(({ sign, says, link }) => [sign.word, says, link.query])).toEqual([
      [
        'Dead letters',
        '12 sagas need a person: a step behind the pivot has failed. The oldest stopped 3 h ago.',
        { status: 'dead_lettered', 'dead-reason': 'past_pivot' },
      ],
      [
        'Failed compensations',
        '1 saga needs a person: a compensation has given up. The oldest stopped less than a minute ago.',
        { status: 'dead_lettered', 'dead-reason': 'compensation_exhausted' },
      ],
    ])
  })
})

describe('holds', () => {
  test('are told while they are in force, breakers as such', () => {
    const release = { actor: 'ada', reason: 'back', at: ago(1), rate: 5, letGo: 1 }
    const holds = [
      hold(),
      hold({ actor: 'breaker', side: 'action', waiting: 1, reason: 'ECONNREFUSED' }),
      hold({ step: null, waiting: 0 }),
      hold({ release }),
    ]
    expect(said({ holds })).toEqual([
      ['care', 'ada has held charge of order for 5 min: The provider is down. 3 sagas wait for it.'],
      [
        'bad',
        'The breaker of charge of order (action only) has been open for 5 min: ECONNREFUSED. 1 saga waits for it.',
      ],
      ['care', 'ada has held order for 5 min: The provider is down. Nothing waits for it.'],
    ])
  })
})

describe('what waits', () => {
  test('is told when it has waited for a minute, but not of maintenance and dead letters', () => {
    const queues = [
      queue({}),
      queue({ name: 'short', oldestMs: 59_000 }),
      queue({ name: 'none', oldestMs: null }),
      queue({ name: 'saga_maintenance', purpose: 'maintenance', oldestMs: HOUR_MS }),
      queue({ name: 'saga_dead_letter', purpose: 'dead_letters', oldestMs: HOUR_MS }),
      queue({ name: 'told', purpose: 'events', isTakenByWorkers: false, waiting: 10_001, oldestMs: 3 * HOUR_MS }),
    ]
    expect(said({ queues })).toEqual([
      ['care', '2 jobs wait in saga_step, the oldest for 61 s.'],
      ['care', '10000+ jobs wait in told, the oldest for 3 h. Your own program takes them.'],
    ])
  })

  test('is told of timers', () => {
    expect(said(attention({ overdueTimers: { count: 1, oldestMs: 300_000 } }))).toEqual([
      ['care', '1 timer is overdue, the oldest for 5 min: workers cannot keep up, or look at none.'],
    ])
  })
})

describe('maintenance', () => {
  test('has found sagas without progress that it did not help', () => {
    const outcome = { found: 5, outcomes: { reported: 2, exhausted: 1, resumed: 2 }, sagas: [] }
    const recovery = [entry({ isDry: true, outcome: { found: 9, outcomes: { reported: 9 } } }), entry({ outcome })]
    expect(said(log({ recovery }))).toEqual([
      ['bad', '3 sagas made no progress although nothing keeps them (2 reported, 1 exhausted).'],
    ])
    expect(said(log({ recovery: [entry({ outcome: { found: 2, outcomes: { resumed: 2 } } })] }))).toEqual([])
  })

  test('has failed, or is not done although a worker could', () => {
    const cleanup = [entry({ duty: 'cleanup', outcome: null, error: 'disk full' })]
    const statistics = [entry({ duty: 'statistics', startedAt: ago(4 * HOUR_MS) })]
    expect(said(log({ cleanup, statistics, analysis: [] }))).toEqual([
      ['care', 'Clean-up has failed: disk full'],
      ['care', 'Statistics has not been done for 4 h, although a worker lives.'],
      ['care', 'Analysis has not been done ever, although a worker lives.'],
    ])
  })

  test('need not be done by a worker that is new, or where it has no schedule', () => {
    const late = log({ cleanup: [entry({ duty: 'cleanup', startedAt: ago(50 * HOUR_MS) })] })
    expect(said({ ...late, workers: [worker({ startedAt: ago(HOUR_MS) })] })).toEqual([])
    expect(said({ ...late, schedules: schedules.filter(({ name }) => name !== 'cleanup') })).toEqual([])
  })

  test('that is due once a day is judged by how often it is done', () => {
    const daily = schedules.map((one) => (one.name === 'cleanup' ? { ...one, cron: '0 4 * * *' } : one))
    const at = (...hours: readonly number[]) =>
      log({ cleanup: hours.map((each) => entry({ duty: 'cleanup', startedAt: ago(each * HOUR_MS) })) })
    const workers = [worker({ startedAt: ago(900 * HOUR_MS) })]
    expect(said({ schedules: daily, workers, ...at(30) })).toEqual([])
    expect(said({ schedules: daily, workers, ...at(30, 54, 78) })).toEqual([])
    expect(said({ schedules: daily, workers, ...at(50, 74) })).toHaveLength(1)
  })

  test('tells for a day what the watchdog has put back', () => {
    const outcome = { sagas: 9, mended: 2, left: 0, what: { job: 1, dead_letter: 1 } }
    const says =
      'Sagas lacked what they wait for (1 job, 1 dead letter), and it was put back. Find out who deletes from the tables.'
    expect(said(log({ watchdog: [entry({ duty: 'watchdog', outcome })] }))).toEqual([['care', says]])
    expect(said(log({ watchdog: [entry({ duty: 'watchdog', outcome, startedAt: ago(30 * HOUR_MS) })] }))).toEqual([])
  })
})

describe('a report', () => {
  test.each([
    ['cleanup', { sagas: 0, by: [], failed: [], hasMore: false }, 'No saga was deleted.'],
    [
      'cleanup',
      { sagas: 1, by: [], failed: [], hasMore: true },
      '1 saga was deleted. More are left for the next time.',
    ],
    ['recovery', { found: 0, outcomes: {}, sagas: [] }, 'All sagas make progress, or wait for something.'],
    ['statistics', { hours: 3, rows: 9 }, '3 hours were counted.'],
    ['analysis', { tables: [], failed: [] }, 'The planner knows all tables well enough.'],
    ['watchdog', { sagas: 4, mended: 0, left: 0, what: {} }, 'Nothing was missing among 4 sagas.'],
    [
      'watchdog',
      { sagas: 4, mended: 1, left: 2, what: {} },
      '1 missing thing was put back. 2 were left, because somebody else had their sagas.',
    ],
    ['of a later release', { sagas: 4 }, '{"sagas":4}'],
    ['cleanup', { sagas: 'many' }, '{"sagas":"many"}'],
  ])('of %s is a sentence: %o', (duty, outcome, says) => {
    expect(reportOf(entry({ duty, outcome })).says).toBe(says)
  })

  test('of a dry run says what would be', () => {
    const outcome = { sagas: 2, by: [{ definition: 'order', status: 'completed', sagas: 2 }] }
    expect(reportOf(entry({ duty: 'cleanup', isDry: true, outcome }))).toEqual({
      says: '2 sagas would be deleted.',
      lines: [{ text: 'order, completed: 2' }],
    })
  })

  test('of what is under way, or has failed, says so', () => {
    expect(reportOf(entry({ finishedAt: null })).says).toContain('under way')
    expect(reportOf(entry({ error: 'disk full' })).says).toBe('It failed: disk full')
  })
})
