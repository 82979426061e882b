/** A definition whose sagas all stop at one step for the same error, for as long as a test wants it. */
import { z } from 'zod'
import { type SagaEngine, StepNotApplied, sagasFor } from '../../src/index.ts'

/** What the post office answers; `undefined`: it takes letters. */
export const office: { says: string | undefined; failing: number } = {
  says: undefined,
  failing: Number.POSITIVE_INFINITY,
}

export const sendLetter = sagasFor<{ services: unknown; tx: unknown }>()('send-letter', {
  version: 3,
  input: z.object({ to: z.string() }),
})
  .step('write', { action: () => 'Dear', compensation: () => {} })
  .step('stamp', { action: () => 1 })
  .step('post', {
    action: () => {
      if (office.says === undefined || office.failing <= 0) return 'posted'
      office.failing -= 1
      throw new StepNotApplied(office.says, { code: 'OFFICE_CLOSED' })
    },
    compensation: () => {},
    retry: { maxAttempts: 1 },
    whenExhausted: 'dead_letter',
  })

/** So many dead letters of one group, with the id of the group. */
export async function deadLetters(
  engine: SagaEngine,
  count: number,
  says = 'The office is closed.',
): Promise<{ readonly group: string; readonly ids: readonly string[] }> {
  office.says = says
  office.failing = Number.POSITIVE_INFINITY
  const items = Array.from({ length: count }, () => ({ input: { to: 'ada' }, tags: ['letters'] }))
  const results = await engine.enqueueMany(sendLetter, items)
  const ids = results.map((result) => {
    if (!('id' in result)) throw new Error('It was not started.')
    return result.id
  })
  for (const id of ids) await engine.outcome(id)
  office.says = undefined
  const group = (await engine.get(ids[0] ?? ''))?.errorGroup
  if (group === null || group === undefined) throw new Error('It is no dead letter.')
  return { group, ids }
}
