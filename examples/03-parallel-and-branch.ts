/**
 * An exhibition: three halls are set up side by side, and the opening depends on what the city says.
 *
 * When one hall fails, those under way are finished first; then all that was set up is taken down again, together.
 *
 *     npx node examples/03-parallel-and-branch.ts
 */
import { z } from 'zod'
import { createSagaEngine, StepRejected, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const Exhibition = z.object({ title: z.string(), permit: z.enum(['garden', 'roof', 'none']), flooded: z.boolean() })

/** What happened, in order. */
type Museum = { services: { diary: string[] }; tx: unknown }

const openExhibition = sagasFor<Museum>()('open-exhibition', { version: 1, input: Exhibition })
  .step('rent', {
    action: ({ services }) => void services.diary.push('halls rented'),
    compensation: ({ services }) => void services.diary.push('halls given back'),
  })
  .parallel('set-up', (halls) =>
    halls
      .step('paintings', {
        action: ({ services }) => {
          services.diary.push('paintings hung')
          return { works: 40 }
        },
        compensation: ({ services }) => void services.diary.push('paintings taken down'),
      })
      .step('cellar', {
        action: ({ input, services }) => {
          if (input.flooded) throw new StepRejected('The cellar is under water.')
          services.diary.push('cellar furnished')
          return { works: 3 }
        },
        compensation: ({ services }) => void services.diary.push('cellar cleared'),
      })
      // One after the other, beside the others.
      .lane((sculptures) =>
        sculptures
          .step('pedestals', {
            action: ({ services }) => {
              services.diary.push('pedestals placed')
              return { count: 7 }
            },
            compensation: ({ services }) => void services.diary.push('pedestals removed'),
          })
          .step('sculptures', {
            action: ({ results, services }) => {
              services.diary.push('sculptures placed')
              return { works: results.pedestals.count }
            },
            compensation: ({ services }) => void services.diary.push('sculptures removed'),
          }),
      ),
  )
  // Asked once: what it says is journalled, and holds although the city may change its mind.
  .branch('opening', ({ input }) => (input.permit === 'none' ? null : input.permit), {
    garden: (party) => party.step('tents', { action: ({ services }) => void services.diary.push('tents pitched') }),
    roof: (party) =>
      party
        .step('railing', { action: ({ services }) => void services.diary.push('railing checked') })
        .step('lanterns', { action: () => ({ lanterns: 12 }) }),
  })
  .step('announce', {
    action: ({ results }) => {
      const works = results.paintings.works + results.cellar.works + results.sculptures.works
      // Of a way that may not have been taken, so that it may not be there.
      const { lanterns = 0 } = results.lanterns ?? {}
      return { works, lanterns }
    },
  })

const EXHIBITIONS = [
  { title: 'Light', permit: 'roof', flooded: false },
  { title: 'Silence', permit: 'none', flooded: false },
  { title: 'Water', permit: 'garden', flooded: true },
] as const

/** Opens the exhibitions one after the other. @returns how each ended, and what happened. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const diary: string[] = []
  const engine = createSagaEngine({ connectionString, definitions: [openExhibition], services: { diary } })
  await engine.start()
  try {
    const ends = []
    for (const exhibition of EXHIBITIONS) {
      const { id } = await engine.enqueue(openExhibition, exhibition)
      const outcome = await engine.outcome(id, { definition: openExhibition })
      const happened = diary.splice(0)
      ends.push({ outcome, happened })
      const announced = outcome.status === 'completed' ? outcome.results.announce : undefined
      say(`${exhibition.title}: ${outcome.status}${announced === undefined ? '' : `, ${announced.works} works`}`)
      for (const entry of happened) say(`  ${entry}`)
    }
    return ends
  } finally {
    await engine.stop()
  }
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
