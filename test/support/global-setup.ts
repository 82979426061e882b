/** Runs once before all test files: a server, and on it the template that their databases are copies of. */

import type { TestProject } from 'vitest/node'
import { openRun, type RunDatabases } from './databases.ts'
import { startTestServer } from './server.ts'
import { prepareTemplate, templateHash } from './template.ts'

declare module 'vitest' {
  interface ProvidedContext {
    databases: RunDatabases
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer({
    databaseUrl: process.env['DATABASE_URL'],
    wanted: process.env['PG_SAGA_TEST_POSTGRES'],
  })
  console.log(server.description)
  try {
    const run = await openRun(server.connectionString, templateHash(), prepareTemplate)
    project.provide('databases', run.databases)
    return async () => {
      await run.close()
      await server.stop()
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}
