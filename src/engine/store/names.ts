/** The configured schema, as an identifier that can stand in a statement. */
import { SagaError } from '../errors.ts'

const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/

/** @throws SagaError `NAME_INVALID` for anything that would need quoting. */
export function schemaName(name: string, what = 'schema'): string {
  if (IDENTIFIER.test(name) && !name.startsWith('pg_')) return name
  throw new SagaError(
    'NAME_INVALID',
    `"${name}" cannot be used as the ${what} name. Use lower-case letters, digits and underscores, at most 63, starting with a letter.`,
  )
}

/**
 * Stands in the generated migrations for the schema's name, which `migrate` puts in its place. Kept apart from the
 * tables: what these are described with takes 190 MB of memory, and no running process needs it.
 */
export const SCHEMA_PLACEHOLDER = 'saga_schema'
