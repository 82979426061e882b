/**
 * A library: a step gets another name while loans are under way.
 *
 * The first version of the code calls it `take-from-shelf`, the second one `fetch`. Loans that the first one has begun
 * keep the old name, its key and their journal, and the new code finishes them; new loans carry the new name.
 *
 *     npx node examples/05-renamed-step.ts
 */
import { z } from 'zod'
import { type AnyDefinition, createSagaEngine, SagaError, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

type Library = { services: { register: string[] }; tx: unknown }

const defineSaga = sagasFor<Library>()
const Loan = z.object({ book: z.string() })

const reserve = { action: () => ({ until: 'Friday' }) }

type FetchContext = Pick<Library, 'services'> & { readonly input: { book: string }; readonly idempotencyKey: string }
/** What the step does stays what it was. */
const fetching = {
  action: ({ input, idempotencyKey, services }: FetchContext) => {
    services.register.push(`${input.book} is fetched, ${keyWithoutId(idempotencyKey)}`)
    return { shelf: 'B7' }
  },
  compensation: ({ input, services }: FetchContext) => void services.register.push(`${input.book} is put back`),
}

const before = defineSaga('loan', { version: 1, input: Loan })
  .step('reserve', reserve)
  .step('take-from-shelf', fetching)
  .step('hand-out', { action: ({ results }) => `from ${results['take-from-shelf'].shelf}` })

/** The same steps, but the second has another name, and nothing says so: refused. */
const undeclared = defineSaga('loan', { version: 1, input: Loan })
  .step('reserve', reserve)
  .step('fetch', fetching)
  .step('hand-out', { action: ({ results }) => `from ${results.fetch.shelf}` })

const after = defineSaga('loan', { version: 1, input: Loan })
  .step('reserve', reserve)
  .step('fetch', { ...fetching, formerly: ['take-from-shelf'] })
  // Also in an old loan, this code finds the result under the name that it knows.
  .step('hand-out', { action: ({ results }) => `from ${results.fetch.shelf}` })

const by = { actor: 'librarian', reason: 'a deploy' }

/** Begins a loan with the old code and ends it with the new. @returns what became of both loans. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const register: string[] = []
  const start = async (definition: AnyDefinition) => {
    const engine = createSagaEngine({ connectionString, definitions: [definition], services: { register } })
    try {
      await engine.start()
      return engine
    } catch (error) {
      await engine.stop()
      throw error
    }
  }

  const first = await start(before)
  // So that this loan waits right before the step, as one of many might when a deploy begins.
  const hold = await first.operator.hold({ definition: 'loan', step: 'take-from-shelf' }, by)
  const old = await first.enqueue(before, { book: 'Emma' })
  for await (const { event } of first.watch(old.id)) if (event.type === 'step_withheld') break
  await first.stop()

  const refusal = await start(undeclared).catch((error: unknown) => error)
  if (refusal instanceof SagaError) say(`${refusal.code}: ${String(refusal.details['differences'])}`)

  const second = await start(after)
  try {
    await second.operator.release(hold, by)
    const fresh = await second.enqueue(after, { book: 'Ulysses' })
    const ends = []
    for (const { id } of [old, fresh]) {
      const outcome = await second.outcome(id, { definition: after })
      const steps = (await second.get(id))?.steps.map(({ name }) => name) ?? []
      say(`${outcome.status}: ${steps.join(', ')}`)
      ends.push({ outcome, steps })
    }
    for (const line of register) say(`  ${line}`)
    return { refusal, ends, register }
  } finally {
    await second.stop()
  }
}

function keyWithoutId(key: string): string {
  return `key <id>:${key.split(':')[1]}`
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
