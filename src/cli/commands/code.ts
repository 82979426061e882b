/** Commands about the definitions in code: check, graph. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Definition, LockChange, Stranded } from '../../index.ts'
import { changesSince, graphOf, lockOf, readLock, sequenceOf, stranded } from '../../index.ts'
import { EXIT, UsageError } from '../exit.ts'
import { example } from '../options.ts'
import type { AddTo, Session } from '../session.ts'

const LOCK_FILE = 'sagas.lock.json'

export const addCode: AddTo = (program, session) => {
  example(
    program
      .command('check')
      .description(`Compares the definitions in code with ${LOCK_FILE}, and with the sagas in flight.`)
      .option('--write', `writes ${LOCK_FILE}`)
      .option('--in-flight', 'looks into the database too: fails when a deploy would strand any saga'),
    'check --write',
    'check',
    'check --in-flight',
  ).action(async (given: { readonly write?: boolean; readonly inFlight?: boolean }) => {
    const definitions = await definitionsOf(session)
    const path = join(session.io.cwd, LOCK_FILE)
    if (given.write === true) writeFileSync(path, `${JSON.stringify(lockOf(definitions), undefined, 2)}\n`)
    if (!existsSync(path))
      throw new UsageError(`There is no ${LOCK_FILE}. Write it, and commit it: pg-saga check --write.`)
    const changes = changesSince(readLock(readFileSync(path, 'utf8')), definitions)
    const left = given.inFlight === true ? await stranded(await session.clientOptions(), definitions) : []
    session.printer.one({ changes, stranded: left }, () => {
      const lines = [...changes.map(changeLine), ...left.map(strandedLine)]
      const also = given.inFlight === true ? ', and every saga in flight has its code' : ''
      return lines.length > 0 ? lines.join('\n') : `The definitions are those of ${LOCK_FILE}${also}.`
    })
    if (changes.length + left.length > 0) session.exitWith(EXIT.drift)
  })

  example(
    program
      .command('graph [definition]')
      .description('Draws a definition, or what a saga did, as Mermaid.')
      .option('--saga <id>', 'the journal of this saga, as a sequence diagram'),
    'graph order',
    'graph --saga $SAGA',
  ).action(async (name: string | undefined, { saga }: { readonly saga?: string }) => {
    if (saga !== undefined) {
      const journal = await session.withClient((client) => client.journal(saga))
      return session.printer.text(sequenceOf(saga, journal))
    }
    const definitions = await definitionsOf(session)
    const named = definitions.filter((definition) => name === undefined || definition.name === name)
    if (named.length === 0) {
      throw new UsageError(
        `There is no definition ${name}. There are: ${definitions.map((one) => one.name).join(', ')}.`,
      )
    }
    for (const { blueprint } of named) session.printer.text(graphOf(blueprint))
  })
}

/** @throws UsageError where the config file has none. */
export async function definitionsOf(session: Session): Promise<readonly Definition[]> {
  const definitions = (await session.config())?.definitions
  if (definitions !== undefined && definitions.length > 0) return definitions as unknown as readonly Definition[]
  throw new UsageError(
    'This needs your definitions: have pg-saga.config.ts export them, or name a file with --config. `pg-saga init` writes one.',
  )
}

function changeLine(change: LockChange): string {
  const name = `${change.definition} v${change.version}`
  if (change.change === 'added') return `${name} is new. Write it down: pg-saga check --write.`
  if (change.change === 'removed') {
    return `${name} is gone from the code. Where sagas of it may be in flight, keep it; see pg-saga check --in-flight. Else: pg-saga check --write.`
  }
  const list = change.differences.join('; ')
  if (change.isRename)
    return `${name} has other names, declared as renames: ${list}. Write it down: pg-saga check --write.`
  return `${name} has another shape under the same version: ${list}. Raise the version, or undo the change.`
}

function strandedLine({ definition, version, sagas, deadLetters, why, differences = [] }: Stranded): string {
  const counts = [sagas > 0 ? `${sagas} under way` : '', deadLetters > 0 ? `${deadLetters} dead letters` : ''].filter(
    Boolean,
  )
  const reason =
    why === 'missing' ? 'this code does not have it' : `this code has another shape: ${differences.join('; ')}`
  return `${definition} v${version}: ${counts.join(' and ')} would be left behind: ${reason}.`
}
