/** Blueprints by hash: what gives a stored saga its structure, with or without the code. */
import type { Blueprint } from '../core/blueprint.ts'
import type { Db } from './db.ts'

export type StoredBlueprint = {
  readonly hash: string
  readonly definition: string
  readonly version: number
  readonly blueprint: Blueprint
}

/** Whether this very shape is stored. Index: primary key. */
export async function isStored(db: Db, schema: string, hash: string): Promise<boolean> {
  const { rows } = await db.executeSql(`select from ${schema}.saga_blueprint where hash = $1::text`, [hash])
  return rows.length > 0
}

/**
 * Keeps everybody else from storing a shape of this definition, or a hold on it: what either makes of the shapes that
 * there are stays true until it commits.
 *
 * Transaction: required, READ COMMITTED. Locks: a transaction-level advisory lock on the definition's name.
 */
export async function lockShapes(db: Db, schema: string, definition: string): Promise<void> {
  await db.executeSql(`select pg_advisory_xact_lock(hashtext('pg-saga shapes'), hashtext($1::text))`, [
    `${schema}.${definition}`,
  ])
}

/** Transaction: required, with the shapes locked. */
export async function insertBlueprint(
  db: Db,
  schema: string,
  stored: StoredBlueprint,
  schemas: unknown,
): Promise<void> {
  const { hash, definition, version, blueprint } = stored
  await db.executeSql(
    `insert into ${schema}.saga_blueprint (hash, definition, version, blueprint, schemas, created_at)
     values ($1::text, $2::text, $3::int, $4::text::jsonb, $5::text::jsonb, ${schema}.now())
     on conflict do nothing`,
    [hash, definition, version, JSON.stringify(blueprint), JSON.stringify(schemas)],
  )
}

/** The shapes of all versions of a definition, the oldest first. Index: `saga_blueprint_shapes`. */
export async function blueprintsOf(db: Db, schema: string, definition: string): Promise<readonly Blueprint[]> {
  const { rows } = await db.executeSql(
    `select blueprint from ${schema}.saga_blueprint where definition = $1::text order by version, created_at, hash`,
    [definition],
  )
  return rows.map((row) => row.blueprint as Blueprint)
}

export async function readBlueprints(
  db: Db,
  schema: string,
  hashes: readonly string[],
): Promise<readonly StoredBlueprint[]> {
  const { rows } = await db.executeSql(
    `select hash, definition, version, blueprint from ${schema}.saga_blueprint where hash = any($1::text[])`,
    [hashes],
  )
  return rows as unknown as StoredBlueprint[]
}

/** The newest shape of each version, and how many it has had. Index: `saga_blueprint_shapes`. */
export async function newestBlueprints(
  db: Db,
  schema: string,
  definition?: string,
): Promise<readonly (Omit<StoredBlueprint, 'hash'> & { readonly shapes: number })[]> {
  const { rows } = await db.executeSql(
    `select distinct on (b.definition, b.version) b.definition, b.version, b.blueprint,
       count(*) over (partition by b.definition, b.version)::int as shapes
     from ${schema}.saga_blueprint b where $1::text is null or b.definition = $1::text
     order by b.definition, b.version, b.created_at desc, b.hash`,
    [definition ?? null],
  )
  return rows as unknown as (StoredBlueprint & { shapes: number })[]
}

/** JSON Schemas of the input, and of results by step, as far as the code has stored them. */
export type StoredSchemas = {
  readonly input?: object
  readonly storedInput?: object
  readonly results: { readonly [step: string]: object }
}

/** Index: primary key. */
export async function readSchemas(db: Db, schema: string, hash: string | null): Promise<StoredSchemas> {
  const { rows } = await db.executeSql(`select schemas from ${schema}.saga_blueprint where hash = $1::text`, [hash])
  return { results: {}, ...(rows[0]?.['schemas'] as Partial<StoredSchemas> | undefined) }
}
