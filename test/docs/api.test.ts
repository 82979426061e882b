/** The page of the API: its tables are those of the code, and each call of it is made, against a served dashboard. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaClient } from '../../src/index.ts'
import { apiTables } from '../../tools/api-table.ts'
import { TOKENS } from '../dashboard/api/programs.ts'
import { deadLetters, sendLetter } from '../dashboard/letters.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { codeBlocks, readPage } from './markdown.ts'

const { text } = readPage('docs/api.md')

describe('the page of the API', () => {
  test.each(Object.entries(apiTables()))('has the table of %s that the code has: npm run api:table', (name, table) => {
    const [, written] = new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)<!-- /${name} -->`).exec(text) ?? []
    expect(written).toBe(table)
  })
})

describe('the calls on the page', () => {
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>
  let served: ServedDashboard
  const env: Record<string, string> = { TOKEN: 'admin-token' }

  beforeAll(async () => {
    database = await testDatabase()
    const engine = await startEngine(database.connectionString, [sendLetter], { build: '2026.11.1' })
    // The third letter is taken back, for the export.
    const { ids } = await deadLetters(engine, 3)
    await engine.operator.compensate(ids[2] ?? '', { actor: 'test', reason: 'a test' })
    await engine.outcome(ids[2] ?? '')
    await deadLetters(engine, 1)
    await stopEngine(engine)
    Object.assign(env, { SAGA: ids[0], OTHER: ids[1], TAKEN_BACK: ids[2] })
    client = createSagaClient({ connectionString: database.connectionString })
    served = await serveDashboard({ client, authenticateToken: (token) => TOKENS[token] ?? null })
    env['API'] = `${served.url}api/v1`
    // Left to the last calls: one letter with that tag.
    await database.pool.query(`update saga.saga set tags = null where id <> $1`, [ids[1]])
  })
  afterAll(async () => {
    await served.close()
    await client.close()
    await database.drop()
  })

  const call = async (code: string): Promise<string> =>
    (await promisify(execFile)('sh', ['-ec', code], { env: { ...process.env, ...env } })).stdout

  test('answer what the page says', async () => {
    const blocks = codeBlocks(text)
    const calls = blocks.flatMap(({ info, code }, index) => (info === 'sh' ? [{ code, next: blocks[index + 1] }] : []))
    expect(calls).toHaveLength(7)
    for (const { code, next } of calls) {
      const said = await call(code)
      if (next?.info !== 'json') {
        // The export: a line of names, and the letter that was taken back.
        expect(said.trim().split('\r\n')).toHaveLength(2)
        expect(said).toContain(env['TAKEN_BACK'])
        continue
      }
      const answer = JSON.parse(said) as { plan?: { hash: string }; seen?: object; sagas?: unknown[] }
      // A list is shown by its first one.
      const shown = answer.sagas === undefined ? answer : { ...answer, sagas: answer.sagas.slice(0, 1) }
      expect(shown, code).toMatchObject(expectation(JSON.parse(next.code)) as object)
      if (answer.plan !== undefined) env['PLAN'] = answer.plan.hash
      if (answer.seen !== undefined) env['SEEN'] = JSON.stringify(answer.seen)
    }
  })
})

/** `…` stands for any text. */
function expectation(shown: unknown): unknown {
  if (shown === '…') return expect.any(String)
  if (Array.isArray(shown)) return shown.map(expectation)
  if (typeof shown !== 'object' || shown === null) return shown
  return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, expectation(value)]))
}
