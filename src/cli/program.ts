/** The program with all its commands. */
import { readFileSync } from 'node:fs'
import { Command, type Help } from 'commander'
import { addCode } from './commands/code.ts'
import { addHolds } from './commands/holds.ts'
import { addOperations } from './commands/operations.ts'
import { addReading } from './commands/reading.ts'
import { addServing } from './commands/serving.ts'
import { addSetup } from './commands/setup.ts'
import { addStarting } from './commands/starting.ts'
import { addTriage } from './commands/triage.ts'
import { addUpkeep } from './commands/upkeep.ts'
import { addVerbs } from './commands/verbs.ts'
import type { Io } from './io.ts'
import { Session } from './session.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}

export function programFor(io: Io, state: { exitCode: number }): Command {
  const program = new Command('pg-saga')
    .description('Sagas on Postgres: start them, look at them, put them right.')
    .version(version)
    .option('--url <url>', 'the database; else DATABASE_URL, the config file, or PGHOST and so on')
    .option('--schema <name>', "schema of the engine's tables")
    .option('--boss-schema <name>', 'schema of pg-boss')
    .option('--config <file>', 'module that exports the definitions; else pg-saga.config.ts, .mts, .js or .mjs')
    .option('--json', 'JSON, as it is written anyway where no terminal is')
    .showHelpAfterError('See pg-saga --help.')
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHelpWidth: () => Math.min(io.width, 100) })
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true } satisfies Partial<Help>)
    .exitOverride()
    .addHelpText('after', '\nExit codes: 0 done, 1 failed or not well, 2 usage, 3 not found, 4 refused, 5 drift.')
  const session = new Session(io, state, () => program.opts())
  for (const add of [
    addSetup,
    addServing,
    addStarting,
    addReading,
    addVerbs,
    addTriage,
    addHolds,
    addOperations,
    addUpkeep,
    addCode,
  ]) {
    add(program, session)
  }
  return program
}
