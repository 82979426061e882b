/** SQL users: roles of a test file's own, and sessions that are logged in as one, as psql would be. */
import { randomInt } from 'node:crypto'
import pg from 'pg'
import type { TestDatabase } from './database.ts'

/** Roles belong to the whole server, which other runs may share. */
const mark = `${process.pid}_${randomInt(1_000_000)}`
const made = new Set<string>()

/** A name that no other run has; it is dropped by `dropRoles`. */
export function roleName(name: string): string {
  const role = `${name}_${mark}`
  made.add(role)
  return role
}

/** Call it before the database is dropped. */
export async function dropRoles(database: TestDatabase): Promise<void> {
  for (const role of made) {
    const { rows } = await database.pool.query('select from pg_roles where rolname = $1', [role])
    if (rows.length > 0) await database.pool.query(`drop owned by ${role}; drop role ${role}`)
  }
}

/** A session whose login is this role: ended by `await using`. */
export type Login = {
  /** The rows of the statement. @throws what the database said. */
  ask(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** The only column of the only row. */
  askOne<T>(text: string, values?: unknown[]): Promise<T>
  [Symbol.asyncDispose](): Promise<void>
}

export async function loginAs({ connectionString }: TestDatabase, role?: string): Promise<Login> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  if (role !== undefined) await client.query(`set session authorization ${role}`)
  const ask = async (text: string, values?: unknown[]) => (await client.query(text, values)).rows
  return {
    ask,
    async askOne<T>(text: string, values?: unknown[]) {
      const rows = await ask(text, values)
      if (rows.length !== 1) throw new Error(`${rows.length} rows instead of one: ${text}`)
      return Object.values(rows[0] as object)[0] as T
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
