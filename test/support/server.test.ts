import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withClient } from '../../tools/postgres/database.ts'
import { startTestServer } from './server.ts'

describe('the server for tests', () => {
  test('is DATABASE_URL where that is set', async () => {
    const server = await startTestServer({ databaseUrl: 'postgres://somewhere/else' })
    expect(server.connectionString).toBe('postgres://somewhere/else')
  })

  test('is embedded where no container comes up, and says why', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pg-saga-server-'))
    try {
      const server = await startTestServer({
        image: 'localhost:1/no-such-image:1',
        containerLimitMs: 2_000,
        embedded: { dataDir: join(folder, 'data'), settings: { fsync: 'off' } },
      })
      expect(server.description).toMatch(/^Postgres: embedded, port \d+ \(.+\)$/)
      await withClient(server.connectionString, (client) => client.query('select 1'))
      await server.stop()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
