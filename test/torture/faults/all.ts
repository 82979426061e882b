/** All faults, and which of them may strike beside another. */
import type { Fault } from '../fault.ts'
import { cutCommit, cutFetch } from './cut-answer.ts'
import { deleteJobs, deleteTimers } from './delete-rows.ts'
import { droppedPackets } from './dropped-packets.ts'
import { endAllSessions, endOneSession } from './end-sessions.ts'
import { failover } from './failover.ts'
import { fullDisk, longFullDisk } from './full-disk.ts'
import { kill } from './kill.ts'
import { longOutage, restartFast, restartImmediate } from './restart.ts'
import { skewedClock } from './skew.ts'
import { stall, standStill } from './stand-still.ts'

export const FAULTS: readonly Fault[] = [
  kill,
  endOneSession,
  endAllSessions,
  restartFast,
  restartImmediate,
  cutCommit,
  cutFetch,
  skewedClock,
  deleteJobs,
  deleteTimers,
  stall,
  standStill,
  longOutage,
  droppedPackets,
  fullDisk,
  longFullDisk,
  failover,
]

/** Short, and about something else than the address of the server or everybody's sessions. */
export const COMPANIONS: readonly Fault[] = [kill, cutCommit, cutFetch, skewedClock]
