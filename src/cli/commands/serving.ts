/** Commands that stay: worker, dashboard, dev. */
import { once } from 'node:events'
import type { ServedDashboard } from '../../dashboard/index.ts'
import type { SagaClient } from '../../index.ts'
import { createSagaClient, createSagaEngine, SagaError } from '../../index.ts'
import type { Config } from '../config.ts'
import { devDatabase } from '../dev-database.ts'
import { UsageError } from '../exit.ts'
import { example, wholeNumber } from '../options.ts'
import { beginTrips, trip } from '../sample.ts'
import type { AddTo, Session } from '../session.ts'
import { definitionsOf } from './code.ts'

const DASHBOARD_PORT = 4567
/** Of this machine itself: nobody else reaches it. */
const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

type Serving = { readonly port: number; readonly host: string }

export const addServing: AddTo = (program, session) => {
  example(
    program
      .command('dev')
      .description('A worker and the dashboard, on the database that there is, or an embedded one.')
      .option('--port <number>', 'of the dashboard', wholeNumber('port'), DASHBOARD_PORT)
      .option('--yes', 'installs the embedded Postgres without asking'),
    'dev',
  ).action(async ({ port, yes = false }: { readonly port: number; readonly yes?: boolean }) => {
    const config = await session.config()
    const isSample = config?.definitions === undefined
    const database = await devDatabase(session, { yes })
    const engine = createSagaEngine({
      ...config,
      ...(await session.clientOptions(database.connectionString)),
      definitions: isSample ? [trip] : config.definitions,
    } as Parameters<typeof createSagaEngine>[0])
    try {
      await engine.start()
      if (isSample) await beginTrips(engine)
      await serve(session, engine, { port, host: '127.0.0.1' }, config)
    } finally {
      await engine.stop()
      await database.close()
    }
  })

  example(
    program
      .command('worker')
      .description('Runs the steps of the definitions that the config file exports, until Ctrl-C.'),
    'worker',
  ).action(async () => {
    const definitions = await definitionsOf(session)
    const config = await session.config()
    const options = { ...config, ...(await session.clientOptions()), definitions }
    const engine = createSagaEngine(options as unknown as Parameters<typeof createSagaEngine>[0])
    try {
      await engine.start()
      session.printer.one(
        { worker: engine.workerId },
        () => `worker ${engine.workerId} runs; Ctrl-C lets it finish and ends it`,
      )
      await untilToldToEnd(session)
    } finally {
      await engine.stop()
    }
  })

  example(
    program
      .command('dashboard')
      .description('Serves the dashboard, to this machine only unless the config file says who may come in.')
      .option('--port <number>', 'to listen on', wholeNumber('port'), DASHBOARD_PORT)
      .option('--host <address>', 'to listen on', '127.0.0.1'),
    'dashboard',
  ).action(async (serving: Serving) => {
    const client = createSagaClient(await session.clientOptions())
    try {
      await serve(session, client, serving, await session.config())
    } finally {
      await client.close()
    }
  })
}

async function serve(
  session: Session,
  client: SagaClient,
  serving: Serving,
  config: Config | undefined,
): Promise<void> {
  // Hono loads only where a dashboard is served.
  const { isOwnName, serveDashboard } = await import('../../dashboard/index.ts')
  const { host } = serving
  const { dashboard } = config ?? {}
  if (!LOOPBACK.includes(host) && dashboard?.authenticate === undefined) {
    throw new UsageError(
      `On ${host} others could come in: have the config file say who they are (dashboard.authenticate).`,
    )
  }
  // A page elsewhere whose name was pointed at this machine says its own name in the Host.
  const authenticate = (request: Request) =>
    isOwnName(request.headers.get('host') ?? '') ? { id: session.actor, role: 'admin' as const } : null
  const own = { authenticate, environment: 'local' }
  const served: ServedDashboard = await serveDashboard({ ...own, ...dashboard, client, ...serving }).catch(
    (cause: unknown) => {
      const { code } = cause as { readonly code?: string }
      if (code !== 'EADDRINUSE') throw cause
      throw new SagaError('OPTION_INVALID', `The port ${serving.port} is taken. Give another one: --port.`, { cause })
    },
  )
  session.printer.one({ url: served.url }, () => `dashboard: ${served.url}  (Ctrl-C ends it)`)
  await untilToldToEnd(session)
  await served.close()
}

async function untilToldToEnd({ io }: Session): Promise<void> {
  if (!io.signal.aborted) await once(io.signal, 'abort')
}
