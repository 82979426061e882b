/**
 * A newsletter: its mail provider is down for a while, and nobody has to look after that.
 *
 * After three failures in a row the breaker of the step holds it: no more attempts are used up, and what comes waits. Every
 * half second one letter is let through. When that one arrives, all of them go.
 *
 *     npx node examples/07-circuit-breaker.ts
 */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { createSagaEngine, StepNotApplied, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const LETTERS = 20

class Mailer {
  isUp = false
  calls = 0

  send(to: string): string {
    this.calls += 1
    if (!this.isUp) throw new StepNotApplied(`${to} cannot be reached.`, { code: 'MAILER_DOWN' })
    return `sent to ${to}`
  }
}

const letter = sagasFor<{ services: Mailer; tx: unknown }>()('letter', {
  version: 1,
  input: z.object({ to: z.string() }),
})
  .step('write', { action: ({ input }) => `Dear ${input.to}` })
  .step('send', {
    action: ({ input, services }) => services.send(input.to),
    retry: { maxAttempts: 20, backoff: 'fixed', initialInterval: '100ms' },
    breaker: { failures: 3, cooldown: '500ms', maxCooldown: '500ms', releaseRate: 100 },
  })

/** Sends twenty letters while the mailer is down, and repairs it after a few probes. @returns what was seen. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const mailer = new Mailer()
  const engine = createSagaEngine({ connectionString, definitions: [letter], services: mailer, concurrency: 3 })
  await engine.start()
  try {
    const items = Array.from({ length: LETTERS }, (_, nr) => ({ input: { to: `reader ${nr}` } }))
    const started = (await engine.enqueueMany(letter, items)).flatMap((one) => (one.ok ? [one.id] : []))

    // Until all of them wait: those that have failed before wait for their next attempt at first.
    let [hold] = await engine.operator.holds()
    while (hold === undefined || hold.waiting < LETTERS - 1) {
      await delay(50)
      hold = (await engine.operator.holds())[0]
    }
    const wasted = mailer.calls
    say(`${hold.actor} holds "${hold.step}": ${hold.reason}; ${hold.waiting} letters wait`)

    while (mailer.calls < wasted + 3) await delay(50)
    say('three more letters were let through, one at a time, and came back')
    mailer.isUp = true

    const outcomes = []
    for (const id of started) outcomes.push((await engine.outcome(id)).status)
    say(`the mailer is up: ${outcomes.filter((status) => status === 'completed').length} letters are sent`)
    return { hold, wasted, calls: mailer.calls, outcomes }
  } finally {
    await engine.stop()
  }
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
