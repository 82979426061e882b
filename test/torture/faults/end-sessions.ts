/** Sessions are ended by an administrator: one worker's own, or all that there are. Nobody is taken over for it. */
import type { Fault } from '../fault.ts'
import { allBack, busyMember, namesOf } from './victims.ts'

export const endOneSession: Fault = {
  name: 'end-one-session',
  says: "pg_terminate_backend of one worker's own session",
  isShort: true,
  keepsWorkers: true,
  async strike(scene) {
    const victim = await busyMember(scene)
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

export const endAllSessions: Fault = {
  name: 'end-all-sessions',
  says: 'pg_terminate_backend of every session of all workers and clients at once',
  isShort: true,
  keepsWorkers: true,
  async strike(scene) {
    await busyMember(scene)
    const names = namesOf(scene)
    const since = performance.now()
    await scene.server.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pg-saga%'`,
    )
    const wrong = await allBack(scene, since, names)
    scene.measured(`all ${names.size} workers back after the end of all sessions`, performance.now() - since)
    return wrong
  },
}
