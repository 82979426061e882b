/** What goes wrong while the orders come in: a worker is killed, and the payment provider goes away. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { ProviderServer } from './providers/server.ts'
import type { Screen } from './screen.ts'
import type { WorkerProcesses } from './worker-processes.ts'

/** A worker that is killed should hold at least this many steps; on a machine that is too quick for that, any. */
const ENOUGH_STEPS = 15
const TRIES_MS = 4_000
const OUTAGE_MS = 10_000

/** Kills the first worker that holds enough steps; resolves when another one has taken them over. */
export async function killOneWorker(workers: WorkerProcesses, pool: pg.Pool, screen: Screen): Promise<void> {
  const anyFrom = performance.now() + TRIES_MS
  const victim = await workers.next(
    (message) => message.type === 'holds' && message.steps >= (performance.now() < anyFrom ? ENOUGH_STEPS : 1),
  )
  // As it said last: what it fetched since then only the journal knows.
  const { held } = victim
  const killedAt = performance.now()
  const takenOver = workers.next((message) => message.type === 'taken_over').then(() => performance.now())
  await workers.kill(victim)
  screen.say(`worker ${victim.number} killed (SIGKILL) while it held about ${held} steps`)
  const replacement = workers.start()
  // On its own: the next incident need not wait for it, and a failure to start is told by the worker itself.
  void replacement.then(({ number }) => screen.say(`worker ${number} started in its place`))
  const tookMs = Math.round((await takenOver) - killedAt)
  const { rows } = await pool.query<{ lost: number }>(
    `select count(*)::int as lost from saga.saga_event where type = 'attempt_lost'`,
  )
  screen.say(`taken over ${tookMs} ms after the kill: ${rows[0]?.lost} attempts recorded as lost, their steps go on`)
}

/** Nobody answers at the provider's address for ten seconds. */
export async function outage(provider: ProviderServer, screen: Screen, signal: AbortSignal): Promise<void> {
  await provider.refuse()
  screen.say(`payment provider down: connections refused for ${OUTAGE_MS / 1000} s`)
  await delay(OUTAGE_MS, undefined, { signal })
  await provider.accept()
  screen.say('payment provider back')
}
