/**
 * A mailing: a letter to each subscriber, three at a time. Who has no e-mail is written to by post; who has moved away is
 * a result like the others. The long print job remembers how far it came.
 *
 *     npx node examples/06-map-and-fallback.ts
 */
import { z } from 'zod'
import { createSagaEngine, StepNotApplied, StepRejected, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const Mailing = z.object({
  title: z.string(),
  subscribers: z.array(z.string()),
  printer: z.enum(['well', 'jams', 'gone']),
})

/** What happened, in order. */
type House = { services: { diary: string[] }; tx: unknown }

const quick = { maxAttempts: 3, backoff: 'fixed', initialInterval: '20ms' } as const

const mailing = sagasFor<House>()('mailing', { version: 1, input: Mailing, revertWithin: '14 days' })
  .step('print', {
    // A jam costs the attempt, and not the pages that are printed: the next attempt goes on from the last checkpoint.
    action: async ({ input, checkpoint, checkpointed, services }) => {
      if (input.printer === 'gone') throw new StepRejected('There is no printer.', { code: 'NO_PRINTER' })
      for (let page = Number(checkpointed ?? 0) + 1; page <= 4; page += 1) {
        services.diary.push(`page ${page}`)
        await checkpoint(page)
        if (page === 2 && input.printer === 'jams' && checkpointed === undefined) throw new StepNotApplied('A jam.')
      }
      return { pages: 4 }
    },
    compensation: ({ action, services }) => void services.diary.push(`${String(action.checkpoint)} pages shredded`),
    retry: quick,
  })
  .fallback('copy-shop', {
    for: ['NO_PRINTER'],
    action: ({ services }) => {
      services.diary.push('printed at the copy shop')
      return { pages: 4 }
    },
  })
  .map('send', {
    over: ({ input }) => input.subscribers.map((name) => ({ name })),
    concurrency: 3,
    whenItemFails: 'collect',
    action: ({ item, idempotencyKey, services }) => {
      if (item.name === 'Zoe') throw new StepRejected('Zoe has moved away.', { code: 'MOVED' })
      services.diary.push(`letter to ${item.name} (${idempotencyKey.split(':')[1]})`)
      return { postmark: `for ${item.name}` }
    },
    compensation: ({ item, services }) => void services.diary.push(`apology to ${item.name}`),
  })
  .step('report', {
    action: ({ results }) => ({
      sent: results.send.filter((letter) => letter.ok).length,
      returned: results.send.flatMap((letter) => (letter.ok ? [] : [letter.error.message])),
      pages: (results.print ?? results['copy-shop'])?.pages,
    }),
  })

export async function run(connectionString: string, say: (line: string) => void) {
  const diary: string[] = []
  const engine = createSagaEngine({ connectionString, definitions: [mailing], services: { diary } })
  await engine.start()
  const send = async (printer: z.infer<typeof Mailing>['printer']) => {
    diary.length = 0
    const { id } = await engine.enqueue(mailing, { title: 'June', subscribers: ['Ada', 'Zoe', 'Eve'], printer })
    const outcome = await engine.outcome(id, { definition: mailing })
    say(`\n${printer}: ${outcome.status}`)
    for (const line of diary) say(`  ${line}`)
    return { id, outcome, happened: [...diary] }
  }
  const ends = { jams: await send('jams'), gone: await send('gone') }
  diary.length = 0
  await engine.operator.revert(ends.jams.id, { actor: 'ada', reason: 'it was the draft' })
  const reverted = await engine.outcome(ends.jams.id)
  say(`\nreverted: ${reverted.status}`)
  for (const line of diary) say(`  ${line}`)
  const undone = [...diary]
  await engine.stop()
  return { ...ends, reverted, undone }
}

if (process.argv[1] === import.meta.filename)
  await withPostgres((connectionString) => run(connectionString, console.log))
