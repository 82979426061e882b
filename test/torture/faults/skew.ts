/** A worker's wall clock is hours off, and jumps back. It measures only lengths of time, so nothing may change. */
import type { Fault } from '../fault.ts'
import { sparedMember, untilBusy } from './victims.ts'

const HOUR_MS = 3_600_000
const MOST_HOURS = 12

export const skewedClock: Fault = {
  name: 'skewed-clock',
  says: "a worker's clock jumps hours ahead or back, another's the other way, and both jump back",
  isShort: true,
  keepsWorkers: true,
  async strike(scene, dice) {
    const first = await sparedMember(scene)
    const second = await sparedMember(scene)
    const hours = dice.whole(1, MOST_HOURS) * dice.one([1, -1])
    first.skew(hours * HOUR_MS)
    second.skew(-hours * HOUR_MS)
    // They go on like that for a while, and get jobs.
    for (let time = 0; time < 3; time += 1) for (const member of [first, second]) await untilBusy(scene, member)
    for (const member of [first, second]) member.skew(0)
    return []
  },
}
