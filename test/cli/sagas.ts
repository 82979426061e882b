/** Sagas in all states that commands are about. */
import type { AnyDefinition, SagaClient } from '../../src/index.ts'
import { until } from '../support/waiting.ts'
import { order } from './fixtures/pg-saga.config.ts'

const by = { actor: 'ada', reason: 'test' }
let next = 1

async function ended(client: SagaClient, nr: number, status: string): Promise<string> {
  const { id } = await client.enqueue(order as AnyDefinition, { nr } as never)
  await until(`order ${nr} is ${status}`, async () => (await client.get(id))?.status === status)
  return id
}

/** By the names that the examples of the help texts have for them. Each is another one each time. */
export const PLACES: { readonly [place: string]: (client: SagaClient) => Promise<string> } = {
  // Dead for want of a carrier, past its pivot; for `complete --step charge`, see the test.
  SAGA: (client) => ended(client, 1_000 + next++, 'dead_lettered'),
  COMPLETED: (client) => ended(client, next++, 'completed'),
  COMPENSATED: (client) => ended(client, -next++, 'compensated'),
  LIVE: (client) => live(client),
  PAUSED: async (client) => {
    const id = await live(client)
    await client.operator.pause(id, by)
    return id
  },
  GROUP: async (client) => {
    const id = await ended(client, 1_000 + next++, 'dead_lettered')
    return (await client.get(id))?.errorGroup ?? ''
  },
  HOLD: (client) => client.operator.hold({ definition: 'order', step: 'charge' }, by),
  OPERATION: (client) => operation(client),
  PAUSED_OPERATION: async (client) => {
    const id = await operation(client)
    await client.operations.pause(id, by)
    return id
  },
}

/** One that waits before its second step, because that is held. */
async function live(client: SagaClient): Promise<string> {
  if ((await client.operator.holds()).length === 0) await PLACES['HOLD']?.(client)
  const { id } = await client.enqueue(order as AnyDefinition, { nr: next++ } as never)
  await until('it waits', async () => (await client.get(id))?.waiting === 'hold')
  return id
}

/** Slow enough to be paused and ended. */
async function operation(client: SagaClient): Promise<string> {
  for (let nr = 0; nr < 3; nr += 1) await ended(client, 1_000 + next++, 'dead_lettered')
  const filter = { status: 'dead_lettered' } as const
  return (await client.operations.start({ verb: 'retry', filter, rate: 0.001, ...by })).id
}
