/** Schedules, as people and programs are shown them. */
import type { Db } from '../engine/store/db.ts'
import type { ScheduleView } from '../engine/system.ts'
import type { AppBoss } from './app-boss.ts'
import { NextDue } from './cron.ts'
import { MAINTENANCE_QUEUE, SCHEDULE_QUEUE } from './queues.ts'

const KINDS = { [SCHEDULE_QUEUE]: 'saga', [MAINTENANCE_QUEUE]: 'maintenance' } as const

const nextDue = new NextDue()

/** Those of sagas first. */
export async function readSchedules(boss: AppBoss): Promise<readonly ScheduleView[]> {
  const views: ScheduleView[] = []
  for (const queue of [SCHEDULE_QUEUE, MAINTENANCE_QUEUE] as const) {
    for (const { key, cron, timezone } of await boss.getSchedules(queue)) {
      const nextAt = nextDue.of(boss, { cron, tz: timezone }, new Date()) ?? null
      views.push({ name: key, kind: KINDS[queue], cron, tz: timezone, nextAt })
    }
  }
  return views
}

/**
 * Ends a schedule of sagas. pg-boss's own `unschedule` takes no transaction of ours.
 *
 * @returns whether there was one. Transaction: any. Locks: the schedule's row.
 */
export async function endSchedule(db: Db, bossSchema: string, name: string): Promise<boolean> {
  const { rows } = await db.executeSql(
    `delete from ${bossSchema}.schedule where name = $1::text and key = $2::text returning 1`,
    [SCHEDULE_QUEUE, name],
  )
  return rows.length > 0
}
