/** Commands that set up: init, migrate, grants, completion. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { grantsFor, migrate, plannedMigrations, SQL_ROLES, type SqlRole } from '../../index.ts'
import { completionFor, SHELLS, type Shell } from '../completion.ts'
import { UsageError } from '../exit.ts'
import { example } from '../options.ts'
import { SAMPLE_CONFIG } from '../sample-config.ts'
import type { AddTo } from '../session.ts'

export const addSetup: AddTo = (program, session) => {
  example(
    program.command('init').description('Writes a config file with a sample saga, where there is none.'),
    'init',
  ).action(() => {
    const path = join(session.io.cwd, 'pg-saga.config.ts')
    const isNew = !existsSync(path)
    if (isNew) writeFileSync(path, SAMPLE_CONFIG)
    session.printer.one({ path, written: isNew }, () =>
      isNew ? `${path} is written. Next: pg-saga dev` : `${path} is there already, and was left as it is.`,
    )
  })

  example(
    program
      .command('migrate')
      .description('Brings the schema up to date, and that of pg-boss.')
      .option('--dry-run', 'only says what is missing')
      .option('--sql', 'writes the statements that are missing, for whoever has the rights'),
    'migrate --dry-run',
    'migrate --sql',
    'migrate',
  ).action(async ({ dryRun, sql }: { readonly dryRun?: boolean; readonly sql?: boolean }) => {
    const options = await session.clientOptions()
    const planned = await plannedMigrations(options)
    if (sql === true) return session.printer.text(planned.sql)
    if (dryRun !== true) await migrate(options)
    const { schema, applied, known, bossApplied, bossKnown } = planned
    session.printer.one({ schema, applied, known, bossApplied, bossKnown, migrated: dryRun !== true }, () => {
      const word = dryRun === true ? 'would be brought' : 'is'
      return [
        `${schema}: was at version ${applied}, ${word} at ${Math.max(applied, known)}`,
        `pg-boss: was at version ${bossApplied}, ${word} at ${bossKnown}`,
      ].join('\n')
    })
  })

  example(
    program
      .command('grants')
      .description('Writes the statements that make roles for SQL users, and give them their rights.')
      .option('--role <role>', `only of this one: ${SQL_ROLES.join(', ')}`)
      .option('--name <name>', 'what that role is called, if not saga_<role>'),
    'grants',
    'grants --role viewer --name analysts',
  ).action(async ({ role, name }: { readonly role?: string; readonly name?: string }) => {
    if (role !== undefined && !SQL_ROLES.includes(role as SqlRole))
      throw new UsageError(`--role is one of ${SQL_ROLES.join(', ')}.`)
    if (role === undefined && name !== undefined) throw new UsageError('--name goes with --role.')
    const schema = await session.schema()
    const statements = grantsFor({
      ...(schema === undefined ? {} : { schema }),
      ...(role === undefined ? {} : { only: role as SqlRole }),
      ...(role === undefined || name === undefined ? {} : { [role]: name }),
    })
    session.printer.text(`${statements.join(';\n')};`)
  })

  example(
    program.command('completion <shell>').description(`Writes a completion script: ${SHELLS.join(', ')}.`),
    'completion bash',
  ).action((shell: string, _given: unknown, command: Command) => {
    if (!SHELLS.includes(shell as Shell)) throw new UsageError(`The shell is one of ${SHELLS.join(', ')}.`)
    session.printer.text(completionFor(shell as Shell, command.parent ?? command))
  })
}
