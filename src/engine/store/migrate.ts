/**
 * Brings the schema up to date: the migrations that drizzle-kit generated, in one transaction, under a lock, so that
 * any number of processes may start at once.
 */
import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { SagaError } from '../errors.ts'
import type { Db } from './db.ts'
import { SCHEMA_PLACEHOLDER, schemaName } from './names.ts'

const FOLDER = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/** How many schema versions ahead this engine can work on: a new release migrates while the old one still runs. */
const VERSIONS_AHEAD = 1

export type MigrationState = {
  /** How many migrations the database has. */
  readonly applied: number
  /** How many this version of the package brings. */
  readonly known: number
}

/**
 * Applies what is missing.
 *
 * pg-boss brings its own tables; its schema is made here, under our lock, because processes that start at once and each
 * find none would all make it, and all but one fail.
 *
 * Transaction: required, READ COMMITTED. Locks: a transaction-level advisory lock on the schema's name.
 * @throws SagaError `SCHEMA_TOO_NEW` when the database was migrated by a later version.
 */
export async function applyMigrations(db: Db, schema: string, bossSchema: string): Promise<MigrationState> {
  const name = schemaName(schema)
  await db.executeSql(`select pg_advisory_xact_lock(hashtext('pg-saga migrations'), hashtext($1::text))`, [name])
  await createSchema(db, name)
  await createSchema(db, schemaName(bossSchema))
  await db.executeSql(
    `create table if not exists ${name}.saga_migration (
       version int primary key, hash text not null, applied_at timestamptz not null default now())`,
  )
  const { rows } = await db.executeSql(`select coalesce(max(version), 0)::int as applied from ${name}.saga_migration`)
  const applied = Number(rows[0]?.applied)
  const migrations = readMigrationFiles({ migrationsFolder: FOLDER })
  checkVersion({ applied, known: migrations.length }, name, true)
  for (const [index, migration] of migrations.entries()) {
    if (index < applied) continue
    for (const statement of migration.sql) {
      const text = statement.replaceAll(`"${SCHEMA_PLACEHOLDER}"`, `"${name}"`)
      if (!/^create schema/i.test(text.trim())) await db.executeSql(text)
    }
    await db.executeSql(`insert into ${name}.saga_migration (version, hash) values ($1::int, $2::text)`, [
      index + 1,
      migration.hash,
    ])
  }
  return { applied: Math.max(applied, migrations.length), known: migrations.length }
}

/** Asked first: `if not exists` would need the right to create schemas also where there is nothing to create. */
async function createSchema(db: Db, name: string): Promise<void> {
  const { rows } = await db.executeSql('select to_regnamespace($1::text) is null as missing', [name])
  if (rows[0]?.missing === true) await db.executeSql(`create schema ${name}`)
}

/**
 * The statements that `applyMigrations` would make, as a script. Transaction: any; nothing is changed.
 *
 * @throws SagaError `SCHEMA_TOO_NEW`.
 */
export async function missingMigrations(
  db: Db,
  schema: string,
): Promise<MigrationState & { readonly statements: readonly string[] }> {
  const name = schemaName(schema)
  const state = await stateOf(db, name)
  checkVersion(state, name, true)
  const statements = [
    `create schema if not exists ${name}`,
    `create table if not exists ${name}.saga_migration (
  version int primary key, hash text not null, applied_at timestamptz not null default now())`,
  ]
  for (const [index, migration] of readMigrationFiles({ migrationsFolder: FOLDER }).entries()) {
    if (index < state.applied) continue
    const texts = migration.sql.map((text) => text.replaceAll(`"${SCHEMA_PLACEHOLDER}"`, `"${name}"`).trim())
    statements.push(...texts.filter((text) => text !== '' && !/^create schema/i.test(text)))
    statements.push(`insert into ${name}.saga_migration (version, hash) values (${index + 1}, '${migration.hash}')`)
  }
  return { ...state, statements: state.applied >= state.known ? [] : statements }
}

/**
 * Checks the schema without changing it.
 *
 * @throws SagaError `SCHEMA_TOO_OLD` or `SCHEMA_TOO_NEW`, saying by how much and what to do.
 */
export async function checkSchema(db: Db, schema: string): Promise<MigrationState> {
  const name = schemaName(schema)
  const state = await stateOf(db, name)
  checkVersion(state, name, false)
  return state
}

async function stateOf(db: Db, name: string): Promise<MigrationState> {
  const { rows: found } = await db.executeSql(`select to_regclass($1::text) is not null as found`, [
    `${name}.saga_migration`,
  ])
  const known = readMigrationFiles({ migrationsFolder: FOLDER }).length
  let applied = 0
  if (found[0]?.found === true) {
    const { rows } = await db.executeSql(`select coalesce(max(version), 0)::int as applied from ${name}.saga_migration`)
    applied = Number(rows[0]?.applied)
  }
  return { applied, known }
}

function checkVersion({ applied, known }: MigrationState, name: string, migrating: boolean): void {
  if (applied > known + VERSIONS_AHEAD) {
    throw new SagaError(
      'SCHEMA_TOO_NEW',
      `The schema "${name}" is at version ${applied}, and this version of pg-saga knows ${known}. Upgrade the package in this process.`,
    )
  }
  if (!migrating && applied < known) {
    throw new SagaError(
      'SCHEMA_TOO_OLD',
      `The schema "${name}" is at version ${applied}, and this version of pg-saga needs ${known}. Start an engine with migrate: true, or migrate in a deploy step: pg-saga migrate, or migrate() in code.`,
    )
  }
}
