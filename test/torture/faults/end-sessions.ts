/** Sessions are ended by an administrator: one worker's own, or all that there are. Nobody is taken over for it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { allBack, busyMember, namesOf, sparedMember } from './victims.ts'

export const endOneSession: Fault = {
  name: 'end-one-session',
  says: "pg_terminate_backend of one worker's own session",
  isShort: true,
  keepsWorkers: true,
  async strike(scene) {
    const victim = await sparedMember(scene)
    const since = performance.now()
    await scene.server.query(
      `select pg_terminate_backend(l.pid) from pg_locks l join saga.saga_worker w on l.objid::bigint = w.lock_key
       where l.locktype = 'advisory' and l.objsubid = 2 and w.pid = $1`,
      [victim.pid],
    )
    const wrong = await allBack(scene, since, new Map([[victim, victim.id]]))
    scene.measured('session back after its end', performance.now() - since)
    return wrong
  },
}

/** Half of the workers come back so much later than the others, which see their locks free meanwhile. */
const LATE_MS = { short: 2_500, long: 7_000 }

export const endAllSessions: Fault = {
  name: 'end-all-sessions',
  says: 'pg_terminate_backend of every session of all workers and clients at once; half of the workers come back later',
  isShort: true,
  keepsWorkers: true,
  async strike(scene, dice) {
    await busyMember(scene)
    const names = namesOf(scene)
    const members = dice.shuffled([...names.keys()])
    const late = members.slice(0, members.length / 2)
    for (const { line } of late) line?.block(true)
    const since = performance.now()
    await scene.server.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pg-saga%'`,
    )
    const early = new Map([...names].filter(([member]) => !late.includes(member)))
    const wrong = await allBack(scene, since, early)
    scene.measured('first workers back after the end of all sessions', performance.now() - since)
    await delay(dice.whole(1_500, scene.isLong ? LATE_MS.long : LATE_MS.short))
    for (const { line } of late) line?.block(false)
    wrong.push(...(await allBack(scene, since, new Map(late.map((member) => [member, member.id])))))
    return wrong
  },
}
