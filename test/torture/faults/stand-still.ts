/** SIGSTOP for a minute, then SIGCONT: its lease runs out, it is taken over, and comes back fenced. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Fault, PATIENCE_MS } from '../fault.ts'
import { sparedMember, takeoverOf } from './victims.ts'

const STOPPED_MS = 60_000
const LEASE_MS = 30_000
/** What is looked at twice, a second apart, on a busy machine. */
const LOOKS_MS = 4_000

export const standStill: Fault = {
  name: 'stand-still',
  says: 'SIGSTOP of a busy worker for 60 s, then SIGCONT',
  isShort: false,
  keepsWorkers: false,
  async strike(scene) {
    const { crew } = scene
    const victim = await sparedMember(scene)
    const { id } = victim
    const woken = delay(STOPPED_MS)
    const stoppedAt = performance.now()
    victim.process.child.kill('SIGSTOP')
    const ms = await takeoverOf(scene, id, stoppedAt)
    await woken
    victim.process.child.kill('SIGCONT')
    const isBack = await crew.hear(
      ({ member, message }) => member === victim && message.type === 'session_back' && message['by'] !== id,
      PATIENCE_MS,
    )
    if (ms === undefined) return [`worker ${victim.number} was taken over by nobody`]
    scene.measured('takeover after SIGSTOP', ms)
    return [
      ...(ms > LEASE_MS + LOOKS_MS ? [`the takeover took ${Math.round(ms)} ms`] : []),
      ...(isBack === undefined ? ['the worker did not come back under a new name'] : []),
    ]
  },
}
