/** What the log of maintenance says that somebody has to know: sagas without progress, duties that fail or are not done. */
import { DUTIES, type Duty } from '../../engine/duties.ts'
import type { MaintenanceEntry } from '../../engine/store/maintenance-log.ts'
import type { Facts } from '../facts.ts'
import { clip, count } from '../partials/markup.ts'
import { age } from '../partials/time.ts'
import { bad, type Concern, care } from './concern.ts'
import { DUTY_WORDS, outcomeOf } from './duties.ts'

const HOUR_MS = 60 * 60 * 1_000
/** Of a duty that is due every hour at least. */
const NOT_DONE_FOR_MS = 3 * HOUR_MS
/** What the watchdog has mended is told for a day. */
const MENDED_WITHIN_MS = 24 * HOUR_MS
/** What becomes of them that is for somebody to look at. The others are helped. */
const UNHELPED = ['reported', 'exhausted', 'refused', 'queued', 'failed']

export function upkeepConcerns(facts: Facts, now: number): readonly Concern[] {
  return [...withoutProgress(facts), ...DUTIES.flatMap((duty) => undone(duty, facts, now)), ...mended(facts, now)]
}

/** The last time that was no dry run, and is over. */
export function lastOf(entries: readonly MaintenanceEntry[]): MaintenanceEntry | undefined {
  return entries.find(({ isDry, finishedAt }) => !isDry && finishedAt !== null)
}

function withoutProgress({ log }: Facts): readonly Concern[] {
  const entry = lastOf(log.recovery)
  const report = entry === undefined ? undefined : outcomeOf('recovery', entry)
  if (entry === undefined || report === undefined) return []
  const unhelped = Object.entries(report.outcomes).filter(([outcome]) => UNHELPED.includes(outcome))
  const number = unhelped.reduce((sum, [, many]) => sum + many, 0)
  if (number === 0) return []
  const parts = unhelped.map(([outcome, many]) => `${many} ${outcome}`).join(', ')
  const says = `${count(number, 'saga')} made no progress although nothing keeps ${number === 1 ? 'it' : 'them'} (${parts}).`
  const link = { label: 'What was found', path: '/schedules', query: { duty: 'recovery', entry: entry.id } }
  return [{ sign: bad('No progress'), says, link }]
}

function undone(duty: Duty, { log, schedules, workers }: Facts, now: number): readonly Concern[] {
  const entries = log[duty]
  const last = lastOf(entries)
  const { label } = DUTY_WORDS[duty]
  const link = { label: 'Maintenance', path: '/schedules', query: { duty } }
  if (last !== undefined && last.error !== null) {
    return [{ sign: care('Maintenance'), says: `${label} has failed: ${clip(last.error, 200)}`, link }]
  }
  const schedule = schedules.find(({ kind, name }) => kind === 'maintenance' && name === duty)
  // Without a schedule nobody wants it done; without a worker nobody can.
  const longest = Math.max(
    0,
    ...workers.filter(({ isAlive }) => isAlive).map(({ startedAt }) => now - startedAt.getTime()),
  )
  if (schedule === undefined || longest === 0) return []
  const allowedMs = allowedFor(schedule.cron, entries)
  const agoMs = last === undefined ? longest : Math.min(longest, now - last.startedAt.getTime())
  if (allowedMs === undefined || agoMs <= allowedMs) return []
  const since = last === undefined ? 'ever' : `for ${age(now - last.startedAt.getTime())}`
  return [{ sign: care('Maintenance'), says: `${label} has not been done ${since}, although a worker lives.`, link }]
}

/** How long it may stay undone. One that is due less often is judged by how often it has been done. */
function allowedFor(cron: string, entries: readonly MaintenanceEntry[]): number | undefined {
  const [, ...rest] = cron.trim().split(/\s+/)
  if (rest.length === 4 && rest.every((field) => field === '*')) return NOT_DONE_FOR_MS
  const times = entries.filter(({ isDry }) => !isDry).map(({ startedAt }) => startedAt.getTime())
  const gaps = times.slice(1).map((time, index) => (times[index] ?? time) - time)
  return gaps.length === 0 ? undefined : Math.max(NOT_DONE_FOR_MS, 2 * Math.max(...gaps))
}

/** Somebody deletes from the tables. */
function mended({ log }: Facts, now: number): readonly Concern[] {
  for (const entry of log.watchdog) {
    if (now - entry.startedAt.getTime() > MENDED_WITHIN_MS) break
    const report = outcomeOf('watchdog', entry)
    if (report === undefined || report.mended + report.left === 0) continue
    const what = Object.entries(report.what).map(([name, many]) => `${many} ${name.replaceAll('_', ' ')}`)
    const says = `Sagas lacked what they wait for (${what.join(', ')}), and it was put back. Find out who deletes from the tables.`
    const link = { label: 'What was found', path: '/schedules', query: { duty: 'watchdog', entry: entry.id } }
    return [{ sign: care('Watchdog'), says, link }]
  }
  return []
}
