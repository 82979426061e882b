/** SIGKILL of the worker with the most in its hands: its jobs are taken over within seconds. */
import type { Fault } from '../fault.ts'
import { busyMember, judgeTakeover, takeoverOf } from './victims.ts'

const WITHIN_MS = 3_000
/** Among other tests the machine is busy. A third of the lease is the proof that the lock tells, not the heartbeat. */
const GENEROUS_MS = 10_000
/** Whoever has lost a session lately waits before it takes anybody over: a failover frees all locks at once. */
const AFTER_RECONNECT_MS = 13_000

export const kill: Fault = {
  name: 'kill',
  says: 'SIGKILL of the worker that has most in its hands; another is started',
  isShort: true,
  keepsWorkers: false,
  async strike(scene) {
    const { crew } = scene
    const victim = await busyMember(scene)
    const wasQuiet = crew.quietForMs > AFTER_RECONNECT_MS
    const killedAt = performance.now()
    await crew.kill(victim)
    const ms = await takeoverOf(scene, victim.id, killedAt)
    const isQuiet = wasQuiet && crew.quietForMs > AFTER_RECONNECT_MS
    await crew.start()
    if (ms === undefined) return [`worker ${victim.number} was taken over by nobody`]
    const what = isQuiet ? 'SIGKILL' : 'SIGKILL, sessions lost shortly before'
    const withinMs = (isQuiet ? 0 : AFTER_RECONNECT_MS) + (scene.isLong ? WITHIN_MS : GENEROUS_MS)
    return judgeTakeover(scene, { what, since: killedAt, ms, withinMs })
  },
}
