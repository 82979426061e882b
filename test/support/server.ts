/**
 * Which Postgres the tests run on, in this order:
 *
 * 1. `DATABASE_URL`, whose user must be allowed to create databases.
 * 2. A container, where a Docker engine answers and has or gets the image in time.
 * 3. The embedded Postgres.
 *
 * `PG_SAGA_TEST_POSTGRES=container` or `=embedded` asks for one of them and fails where it cannot be had.
 */

import { PostgreSqlContainer } from '@testcontainers/postgresql'
import { type ContainerRuntimeClient, getContainerRuntimeClient, ImageName } from 'testcontainers'
import { type StartOptions, startPostgres } from '../../tools/postgres/embedded.ts'

export type TestServer = {
  /** One sentence for the person who runs the tests. */
  readonly description: string
  readonly connectionString: string
  stop(): Promise<void>
}

export type Choice = {
  readonly databaseUrl?: string | undefined
  readonly wanted?: string | undefined
  readonly image?: string
  readonly containerLimitMs?: number
  readonly embedded?: StartOptions
}

const connections = '300'

/** Crash tests kill sessions and servers, never the machine, so syncing to disk would prove nothing here. */
const settings = { fsync: 'off', max_connections: connections }

export async function startTestServer(choice: Choice): Promise<TestServer> {
  if (choice.databaseUrl) {
    return { description: 'Postgres: DATABASE_URL', connectionString: choice.databaseUrl, stop: async () => {} }
  }
  if (choice.wanted === 'embedded') return await startEmbedded(choice, 'asked for')
  const image = choice.image ?? 'postgres:18-alpine'
  try {
    return await startContainer(image, choice.containerLimitMs ?? 60_000)
  } catch (error) {
    if (choice.wanted === 'container') throw error
    return await startEmbedded(choice, error instanceof Error ? error.message : String(error))
  }
}

async function startEmbedded(choice: Choice, reason: string): Promise<TestServer> {
  const server = await startPostgres(choice.embedded ?? { dataDir: '.postgres/test', settings })
  const firstLine = reason.split('\n')[0] ?? ''
  return {
    description: `Postgres: embedded, port ${server.port}${server.attached ? ', shared with another run' : ''} (${firstLine})`,
    connectionString: server.connectionString(),
    stop: () => server.stop(),
  }
}

async function startContainer(image: string, limitMs: number): Promise<TestServer> {
  const client = await getContainerRuntimeClient()
  const starting = pullAndStart(client, image)
  const container = await within(limitMs, starting, `no container of ${image} within ${limitMs / 1000} s`).catch(
    (error: unknown) => {
      // What comes up after we gave up would otherwise stay for good.
      starting.then((late) => late.stop()).catch(() => {})
      throw error
    },
  )
  return {
    description: `Postgres: container of ${image}, port ${container.getPort()}`,
    connectionString: container.getConnectionUri(),
    stop: async () => {
      await container.stop()
    },
  }
}

async function pullAndStart(client: ContainerRuntimeClient, image: string) {
  const name = ImageName.fromString(image)
  if (!(await client.image.exists(name))) await client.image.pull(name)
  return await new PostgreSqlContainer(image)
    .withDatabase('postgres')
    .withCommand(['postgres', '-c', 'fsync=off', '-c', `max_connections=${connections}`])
    .start()
}

async function within<T>(limitMs: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), limitMs)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
