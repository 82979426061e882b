/** Schedules, as people and programs are shown them. */
import type { ScheduleView } from '../engine/system.ts'
import type { AppBoss } from './app-boss.ts'
import { MAINTENANCE_QUEUE, SCHEDULE_QUEUE } from './queues.ts'

const KINDS = { [SCHEDULE_QUEUE]: 'saga', [MAINTENANCE_QUEUE]: 'maintenance' } as const

/** Those of sagas first. */
export async function readSchedules(boss: AppBoss): Promise<readonly ScheduleView[]> {
  const views: ScheduleView[] = []
  for (const queue of [SCHEDULE_QUEUE, MAINTENANCE_QUEUE] as const) {
    for (const { key, cron, timezone } of await boss.getSchedules(queue)) {
      views.push({ name: key, kind: KINDS[queue], cron, tz: timezone })
    }
  }
  return views
}

/** Ends a schedule of sagas. @returns whether there was one. */
export async function endSchedule(boss: AppBoss, name: string): Promise<boolean> {
  const wasThere = (await boss.getSchedules(SCHEDULE_QUEUE, name)).length > 0
  await boss.unschedule(SCHEDULE_QUEUE, name)
  return wasThere
}
