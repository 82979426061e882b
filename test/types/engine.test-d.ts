/** What an engine asks for, given its definitions, and what its calls know of them. Compiled, never run. */
import type pg from 'pg'
import { z } from 'zod'
import { type AppTransaction, createSagaClient, createSagaEngine, defineContract, sagasFor } from '../../src/index.ts'
import type { Equal, Expect } from './equal.ts'

type Bank = { charge(cents: number): Promise<{ chargeId: string }> }
type OwnTx = { insert(row: object): Promise<void> }

const connectionString = 'postgres://'
const input = z.object({ cents: z.number().default(0) })
const plain = sagasFor<{ services: { bank: Bank }; tx: pg.ClientBase }>()('plain', { version: 1, input }).step(
  'charge',
  {
    action: ({ input: { cents }, services }) => services.bank.charge(cents),
  },
)
const own = sagasFor<{ services: { mailer: () => void }; tx: OwnTx }>()('own', { version: 1, input }).step('mail', {
  action: ({ services }) => services.mailer(),
})
const bank: Bank = { charge: async () => ({ chargeId: '1' }) }
const transaction: AppTransaction<OwnTx> = async () => Promise.reject(new Error('never run'))

export function engines() {
  createSagaEngine({ connectionString, definitions: [plain], services: { bank } })
  createSagaEngine({ connectionString, definitions: [own], services: { mailer: () => {} }, transaction })
  // @ts-expect-error services are missing
  createSagaEngine({ connectionString, definitions: [plain] })
  // @ts-expect-error the wrong services
  createSagaEngine({ connectionString, definitions: [plain], services: { bank: 'no bank' } })
  // @ts-expect-error the services of the second definition are missing
  createSagaEngine({ connectionString, definitions: [plain, own], services: { bank }, transaction })
  // @ts-expect-error nothing opens the transaction that its steps are promised
  createSagaEngine({ connectionString, definitions: [own], services: { mailer: () => {} } })
}

export async function calls() {
  const client = createSagaClient({ connectionString })
  const { id } = await client.enqueue(plain, {})
  await client.enqueue(plain, { cents: 5 }, { key: 'k' })
  // @ts-expect-error a field of another type
  await client.enqueue(plain, { cents: 'five' })
  // @ts-expect-error no such option
  await client.enqueue(plain, {}, { kee: 'k' })
  const contract = defineContract('plain', { version: 1, input })
  await client.enqueue(contract, { cents: 5 })
  // @ts-expect-error a contract knows its input as well
  await client.enqueue(contract, { cents: 'five' })
  const outcome = await client.outcome(id, { definition: plain })
  if (outcome.status === 'completed') {
    type _Claims = [Expect<Equal<typeof outcome.results.charge, { chargeId: string }>>]
    // @ts-expect-error no step of that name
    void outcome.results.chrage
  } else {
    // @ts-expect-error results are of completed sagas
    void outcome.results
  }
}
