/** What keeps it going: clocks, maintenance, the watchdog. */
import { DUTIES, type Duty } from '../../engine/duties.ts'
import { clockOf } from '../../engine/store/health.ts'
import { readEntries } from '../../engine/store/maintenance-log.ts'
import { lastDue } from '../../jobs/cron.ts'
import { MAINTENANCE_QUEUE } from '../../jobs/queues.ts'
import { type Finding, failing, notice, ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const SKEW_MS = 5_000
/** It is due, and its turn comes when a worker is free. */
const PATIENCE_MS = 30 * 60 * 1_000

export const clocks: Check = async ({ db, schema }) => {
  const before = Date.now()
  const { offsetMs, at } = await clockOf(db, schema)
  const after = Date.now()
  const found: Finding[] = []
  if (offsetMs !== 0) {
    const todo = `Only tests move it: delete from ${schema}.saga_clock.`
    found.push(failing('clock', `The clock of the schema is off by ${offsetMs} ms.`, todo))
  }
  const skewMs = at.getTime() < before ? at.getTime() - before : Math.max(0, at.getTime() - after)
  if (Math.abs(skewMs) > SKEW_MS) {
    const says = `The clock of this machine is ${Math.round(Math.abs(skewMs))} ms ${skewMs > 0 ? 'behind' : 'ahead of'} the database's. Sagas go by the database's.`
    found.push(notice('clock', says))
  }
  return found.length > 0 ? found : [ok('clock', 'This machine and the database agree.')]
}

export const maintenance: Check = async ({ db, schema, boss }) => {
  const schedules = await boss.getSchedules(MAINTENANCE_QUEUE)
  const { at } = await clockOf(db, schema)
  const dueAt = (duty: Duty) => {
    const { cron, timezone: tz } = schedules.find(({ key }) => key === duty) ?? {}
    return cron === undefined || tz === undefined
      ? undefined
      : lastDue(boss, { cron, tz }, new Date(at.getTime() - PATIENCE_MS))
  }
  const found = await Promise.all(DUTIES.map((duty) => lastOf(db, schema, duty, dueAt(duty))))
  return [...found.flat(), ...(await watchdogOf(db, schema))]
}

/** What it has mended: somebody deletes from the tables. */
async function watchdogOf(db: Parameters<Check>[0]['db'], schema: string): Promise<readonly Finding[]> {
  const entries = await readEntries(db, schema, 'watchdog', 20)
  const [last] = entries
  if (last === undefined) return [notice('watchdog', 'It has not looked yet.')]
  const report = entries.map(({ outcome, startedAt }) => ({ ...(outcome as WatchdogOutcome), startedAt }))
  const found = report.find(({ mended, left }) => mended + left > 0)
  if (found === undefined) return [ok('watchdog', `Nothing lacked anything, at ${last.startedAt.toISOString()} last.`)]
  const what = Object.entries(found.what).map(([name, count]) => `${count} ${name}`)
  const says = `At ${found.startedAt.toISOString()} sagas lacked ${what.join(', ')}; ${found.mended} were mended.`
  return [notice('watchdog', `${says} Find out who deletes from the tables.`)]
}

type WatchdogOutcome = {
  readonly mended: number
  readonly left: number
  readonly what: Readonly<Record<string, number>>
}

async function lastOf(
  db: Parameters<Check>[0]['db'],
  schema: string,
  duty: Duty,
  dueAt: Date | undefined,
): Promise<readonly Finding[]> {
  const entries = await readEntries(db, schema, duty, 20)
  const done = entries.find(({ isDry, finishedAt }) => !isDry && finishedAt !== null)
  if (dueAt === undefined) return [notice('maintenance', `${duty} is on no schedule.`)]
  if (done === undefined) return [notice('maintenance', `${duty} has not been seen to yet.`)]
  const at = done.startedAt.toISOString()
  if (done.error !== null)
    return [warning('maintenance', `${duty} failed at ${at}: ${done.error}`, 'It is tried again when it is due.')]
  if (done.startedAt < dueAt) {
    const todo = 'Look whether a worker lives, and pg-boss runs schedules in it (`maintenance`, `boss`).'
    return [warning('maintenance', `${duty} was seen to last at ${at}, and was due at ${dueAt.toISOString()}.`, todo)]
  }
  return [ok('maintenance', `${duty} was seen to at ${at}.`)]
}
