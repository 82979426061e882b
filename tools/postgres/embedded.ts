/** The real Postgres of development, tests and the demo: the same as `pg-saga dev` starts. */
export { type EmbeddedPostgres, type StartOptions, startPostgres } from '../../src/cli/postgres/embedded.ts'
export { createDatabase, dropDatabase } from './database.ts'
