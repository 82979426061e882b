/** How long providers take. */
import { setTimeout as delay } from 'node:timers/promises'

const QUICKEST_MS = 60
const SPREAD_MS = 240
const UNANSWERED_MS = 30_000

/** Some orders take longer than others, always the same ones. */
export async function work(orderId: number): Promise<void> {
  await delay(QUICKEST_MS + ((orderId * 7919) % SPREAD_MS))
}

/** Longer than any client waits. Whoever ends the process need not wait for it. */
export async function fallSilent(): Promise<void> {
  await delay(UNANSWERED_MS, undefined, { ref: false })
}
