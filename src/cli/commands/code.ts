/** Commands about the definitions in code: check, graph. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Definition, DeployReport, LeftBehind, LockChange } from '../../index.ts'
import { changesSince, graphOf, leftBehind, lockOf, readLock, sequenceOf } from '../../index.ts'
import { EXIT, UsageError } from '../exit.ts'
import { example } from '../options.ts'
import type { AddTo, Session } from '../session.ts'

const LOCK_FILE = 'sagas.lock.json'
const NOTHING: DeployReport = { leftBehind: [], isCut: false }

export const addCode: AddTo = (program, session) => {
  example(
    program
      .command('check')
      .description(`Compares the definitions in code with ${LOCK_FILE}, and with the sagas in flight.`)
      .option('--write', `writes ${LOCK_FILE}`)
      .option('--force', 'also where a shape has changed under its version: nothing of it is in flight anywhere')
      .option('--in-flight', 'looks into the database too: fails when a deploy would strand any saga'),
    'check --write',
    'check',
    'check --in-flight',
  ).action(async (given: { readonly write?: boolean; readonly force?: boolean; readonly inFlight?: boolean }) => {
    const definitions = await definitionsOf(session)
    const path = join(session.io.cwd, LOCK_FILE)
    const isThere = existsSync(path)
    if (!isThere && given.write !== true) {
      throw new UsageError(`There is no ${LOCK_FILE}. Write it, and commit it: pg-saga check --write.`)
    }
    const changes = isThere ? changesSince(readLock(readFileSync(path, 'utf8')), definitions) : []
    const refused = changes.some((change) => change.change === 'changed' && !change.isRename) && given.force !== true
    const isWritten = given.write === true && !refused
    if (isWritten) writeFileSync(path, `${JSON.stringify(lockOf(definitions), undefined, 2)}\n`)
    const deploy = given.inFlight === true ? await leftBehind(await session.clientOptions(), definitions) : NOTHING
    session.printer.one({ changes, isWritten, ...deploy }, () => {
      const lines = [...changes.map(changeLine), ...deploy.leftBehind.map(leftBehindLine)]
      if (deploy.isCut) lines.push('There is more in flight than was looked at: only the oldest million of a status.')
      if (isWritten) return [...lines, `${LOCK_FILE} is written.`].join('\n')
      const also = given.inFlight === true ? ', and everything in flight has its code' : ''
      return lines.length > 0 ? lines.join('\n') : `The definitions are those of ${LOCK_FILE}${also}.`
    })
    if ((changes.length > 0 && !isWritten) || deploy.leftBehind.length > 0) session.exitWith(EXIT.drift)
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
  return `${name} has another shape under the same version: ${list}. Raise the version, or undo the change; --write --force where nothing of it is in flight anywhere.`
}

function leftBehindLine({ why, differences = [], ...left }: LeftBehind): string {
  const { definition, version, sagas, deadLetters, commands } = left
  const counts = [
    sagas > 0 ? `${sagas} under way` : '',
    deadLetters > 0 ? `${deadLetters} dead letters` : '',
    commands > 0 ? `${commands} asked for by SQL` : '',
  ].filter(Boolean)
  const reason =
    why === 'missing' ? 'this code does not have it' : `this code has another shape: ${differences.join('; ')}`
  return `${definition} v${version}: ${counts.join(', ')} would be left behind: ${reason}.`
}
