/**
 * SIGSTOP until its lease has run out, then SIGCONT: it has been taken over, and comes back fenced. After a minute; or the
 * moment it is taken over, so that what it says is late while somebody else is at the same steps.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Fault, PATIENCE_MS } from '../fault.ts'
import { judgeTakeover, sparedMember, standsStill, takeoverOf } from './victims.ts'

const STOPPED_MS = 60_000
const AT_ONCE = 0.5
/** The lease, and what is looked at twice after it. */
const WITHIN_MS = 30_000

export const standStill: Fault = {
  name: 'stand-still',
  says: 'SIGSTOP of a busy worker for 60 s, or until it is taken over, then SIGCONT',
  isShort: false,
  keepsWorkers: false,
  async strike(scene, dice) {
    const { crew } = scene
    const victim = await sparedMember(scene)
    const { id } = victim
    const minute = delay(dice.fraction() < AT_ONCE ? 0 : STOPPED_MS)
    const stoppedAt = performance.now()
    const ownUntil = standsStill(scene, victim)
    const ms = await takeoverOf(scene, id, stoppedAt)
    await minute
    victim.process.child.kill('SIGCONT')
    const isBack = await crew.hear(
      ({ member, message }) => member === victim && message.type === 'session_back' && message['by'] !== id,
      PATIENCE_MS,
    )
    if (ms === undefined) return [`worker ${victim.number} was taken over by nobody`]
    return [
      ...judgeTakeover(scene, { what: 'SIGSTOP', since: stoppedAt, ms, withinMs: WITHIN_MS, ownUntil }),
      ...(isBack === undefined ? ['the worker did not come back under a new name'] : []),
    ]
  },
}

/** For less than its lease: it still holds its lock, nobody takes it over, and it goes on as who it was. */
export const stall: Fault = {
  name: 'stall',
  says: 'SIGSTOP of a busy worker for 8 to 20 s, less than its lease, then SIGCONT',
  isShort: false,
  keepsWorkers: true,
  // The time of its calls goes on, and that of its transactions, and of those that wait for what they have locked.
  failsAttempts: 'No result within|The operation was aborted|The database ended the transaction|due to lock timeout',
  async strike(scene, dice) {
    const victim = await sparedMember(scene)
    standsStill(scene, victim)
    await delay(dice.whole(8_000, 20_000))
    victim.process.child.kill('SIGCONT')
    return []
  },
}
