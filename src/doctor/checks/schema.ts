/** The schemas: their versions, and whether somebody has changed the tables by hand. */
import { SagaError } from '../../engine/errors.ts'
import { driftOf } from '../../engine/store/drift.ts'
import { checkSchema } from '../../engine/store/migrate.ts'
import { KNOWN_BOSS_VERSION, wrongInQueues } from '../../jobs/app-boss.ts'
import { type Finding, failing, notice, ok } from '../finding.ts'
import type { Check } from '../subject.ts'

const NAMED = 5
const MIGRATE = 'Run `pg-saga migrate`, or start an engine that may migrate.'

export const schema: Check = async ({ db, schema }) => {
  try {
    const { applied, known } = await checkSchema(db, schema)
    if (applied > known) {
      return [
        notice(
          'schema',
          `The schema "${schema}" is at version ${applied}, one ahead of this package: a newer one has migrated.`,
        ),
      ]
    }
  } catch (error) {
    if (!(error instanceof SagaError)) throw error
    const todo = error.code === 'SCHEMA_TOO_NEW' ? 'Upgrade the package in this process.' : MIGRATE
    return [{ ...failing('schema', error.message, todo), isDrift: true }]
  }
  const { missing, unknown } = await driftOf(db, schema)
  if (missing.length > 0) {
    const says = `The schema "${schema}" lacks ${listOf(missing)}.`
    const todo = 'Somebody has changed it by hand. Put back what is missing as the migrations make it.'
    return [{ ...failing('schema', says, todo), isDrift: true }]
  }
  if (unknown.length > 0) {
    return [notice('schema', `The schema "${schema}" has ${listOf(unknown)}, which this package has not made.`)]
  }
  return [ok('schema', `The schema "${schema}" is as this version makes it.`)]
}

export const boss: Check = async ({ readyBoss, boss }) => {
  try {
    await readyBoss()
  } catch (error) {
    if (!(error instanceof SagaError)) throw error
    const todo = error.code === 'SCHEMA_TOO_NEW' ? 'Upgrade the package in this process.' : MIGRATE
    return [{ ...failing('pg-boss', error.message, todo), isDrift: true }]
  }
  const found: Finding[] = [ok('pg-boss', `Its tables are at version ${KNOWN_BOSS_VERSION}.`)]
  const todo = 'Start an engine that may migrate, which sets it right.'
  for (const { queue, problems } of await wrongInQueues(boss)) {
    found.push(failing('queues', `Of the queue ${queue}, ${problems.join(', ')}.`, todo))
  }
  return found.length > 1 ? found : [...found, ok('queues', 'All are there, and as they have to be.')]
}

function listOf(names: readonly string[]): string {
  const more = names.length - NAMED
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
