/** What needs somebody, each in a sentence with where to look: what keeps sagas from going on comes first. */
import type { DeadLetterReason } from '../../engine/core/machine.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import type { Facts } from '../facts.ts'
import { clip, count } from '../partials/markup.ts'
import { age } from '../partials/time.ts'
import { bad, type Concern, care } from './concern.ts'
import { REASON_WORDS } from './reasons.ts'
import type { Sign } from './states.ts'
import { upkeepConcerns } from './upkeep.ts'

/** Attention counts no further than that. */
const COUNTED = 10_000
const LATE_MS = 60_000
const MAX_REASON_CHARACTERS = 120

export function concernsOf(facts: Facts, now: number): readonly Concern[] {
  const isWorked = facts.workers.some(({ isAlive }) => isAlive)
  return [
    ...(isWorked ? [] : [noWorker(facts)]),
    ...deadLetters(facts, now),
    ...withoutCode(facts, isWorked),
    ...facts.holds.filter(({ release }) => release === null).map((hold) => held(hold, now)),
    // Without a worker these follow from it.
    ...(isWorked ? [...late(facts), ...overdue(facts)] : []),
    ...upkeepConcerns(facts, now),
  ]
}

function noWorker({ attention, workers }: Facts): Concern {
  const open = attention.underWay.reduce((sum, { sagas, deadLetters }) => sum + sagas - deadLetters, 0)
  const says =
    open === 0
      ? 'No worker lives.'
      : `No worker lives, and ${attention.mayBeMore ? 'at least ' : ''}${count(open, 'saga')} ${are(open)} under way.`
  const hint = workers.length === 0 ? ' Start an engine with your definitions.' : ' Start one again.'
  return {
    sign: open === 0 ? care('Workers') : bad('Workers'),
    says: says + hint,
    link: { label: 'Workers', path: '/workers' },
  }
}

function are(number: number): string {
  return number === 1 ? 'is' : 'are'
}

function deadLetters({ attention }: Facts, now: number): readonly Concern[] {
  const total = attention.deadLetters.reduce((sum, { count: number }) => sum + number, 0)
  const atLeast = total > COUNTED ? 'At least ' : ''
  return attention.deadLetters.map(({ reason, count: number, oldestAt }) => ({
    sign: bad(DEAD_WORDS[reason] ?? 'Dead letters'),
    says: `${atLeast}${count(number, 'saga')} ${number === 1 ? 'needs' : 'need'} a person: ${REASON_WORDS[reason] ?? reason}. The oldest stopped ${age(now - oldestAt.getTime())} ago.`,
    link: {
      label: `Show ${number === 1 ? 'it' : 'them'}`,
      path: '/sagas',
      query: { status: 'dead_lettered', 'dead-reason': reason },
    },
  }))
}

const DEAD_WORDS: { readonly [reason in DeadLetterReason]?: string } = {
  compensation_exhausted: 'Failed compensations',
  late_effect: 'Late effects',
}

function withoutCode({ attention, workers }: Facts, isWorked: boolean): readonly Concern[] {
  if (!isWorked) return []
  const known = new Set(workers.filter(({ isAlive }) => isAlive).flatMap(({ definitions }) => definitions))
  const lacking = new Map<string, { definition: string; version: number; sagas: number; deadLetters: number }>()
  for (const { definition, version, sagas, deadLetters } of attention.underWay) {
    const name = `${definition}@${version}`
    if (known.has(name)) continue
    const before = lacking.get(name) ?? { definition, version, sagas: 0, deadLetters: 0 }
    lacking.set(name, {
      definition,
      version,
      sagas: before.sagas + sagas,
      deadLetters: before.deadLetters + deadLetters,
    })
  }
  return [...lacking.values()].map(({ definition, version, sagas, deadLetters }) => {
    const live = sagas - deadLetters
    const kept = [live > 0 ? count(live, 'saga') : '', deadLetters > 0 ? count(deadLetters, 'dead letter') : '']
    const says = `No live worker has ${definition} v${version}: ${kept.filter((text) => text !== '').join(' and ')} cannot go on.`
    // Dead letters wait for a person anyhow.
    return { sign: live > 0 ? bad('Code') : care('Code'), says, link: { label: 'Workers', path: '/workers' } }
  })
}

function held({ definition, step, side, actor, reason, createdAt, waiting }: HoldView, now: number): Concern {
  const only = side === null ? '' : ` (${side} only)`
  const what = `${step === null ? definition : `${step} of ${definition}`}${only}`
  const waits =
    waiting === 0
      ? 'Nothing waits for it.'
      : `${waiting > COUNTED ? `${COUNTED}+ sagas` : count(waiting, 'saga')} ${waiting === 1 ? 'waits' : 'wait'} for it.`
  const since = age(now - createdAt.getTime())
  const why = clip(reason, MAX_REASON_CHARACTERS).replace(/\.$/, '')
  const isBreaker = actor === 'breaker'
  const says = isBreaker
    ? `The breaker of ${what} has been open for ${since}: ${why}. ${waits}`
    : `${clip(actor, MAX_REASON_CHARACTERS)} has held ${what} for ${since}: ${why}. ${waits}`
  const sign: Sign = { word: isBreaker ? 'Breaker' : 'Hold', icon: 'pause', tone: isBreaker ? 'bad' : 'care' }
  return { sign, says, link: { label: 'Its definition', path: `/definitions/${definition}`, query: {} } }
}

/** Maintenance may take minutes, and one duty waits for the other. */
function late({ queues }: Facts): readonly Concern[] {
  return queues
    .filter(({ purpose }) => purpose !== 'maintenance' && purpose !== 'dead_letters')
    .filter(({ oldestMs }) => (oldestMs ?? 0) > LATE_MS)
    .map(({ name, waiting, oldestMs, isTakenByWorkers }) => {
      const jobs =
        waiting > COUNTED ? `${COUNTED}+ jobs wait` : `${count(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'}`
      const whose = isTakenByWorkers ? '' : ' Your own program takes them.'
      const says = `${jobs} in ${name}, the oldest for ${age(oldestMs ?? 0)}.${whose}`
      return { sign: care('Queue'), says, link: { label: 'Queues', path: '/queues' } }
    })
}

function overdue({ attention }: Facts): readonly Concern[] {
  const { count: number, oldestMs } = attention.overdueTimers
  if (number === 0) return []
  const timers = number > COUNTED ? `${COUNTED}+ timers are` : `${count(number, 'timer')} ${are(number)}`
  const says = `${timers} overdue, the oldest for ${age(oldestMs)}: workers cannot keep up, or look at none.`
  return [{ sign: care('Timers'), says, link: { label: 'Workers', path: '/workers' } }]
}
