/** What the descriptions of all tables are made with. */
import { sql } from 'drizzle-orm'
import { pgSchema, timestamp } from 'drizzle-orm/pg-core'
import { SCHEMA_PLACEHOLDER } from './names.ts'

export const schema = pgSchema(SCHEMA_PLACEHOLDER)

export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/** A list of ours as SQL literals: they are identifiers, and need no escaping. */
export const anyOf = (values: readonly string[]) => sql.raw(`(${values.map((value) => `'${value}'`).join(', ')})`)
