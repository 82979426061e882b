/** No page reads a table that grows from end to end, or skips rows by counting them. */
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Address, addressesIn } from '../../bench/dashboard/addresses.ts'
import { countShop, fillShop } from '../../bench/dashboard/filling.ts'
import { explain, Recorder, type Statement } from '../../bench/dashboard/statements.ts'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { sendLetter } from './letters.ts'
import { dashboardFor, get } from './requests.ts'

const SAGAS = 50_000
/** Rows that one statement may read and throw away: an index that is walked through throws away far more. */
const MOST_WASTED = 20_000

describe('in front of thirty thousand sagas that nobody has begun', () => {
  const QUEUED = 30_000
  // But not the list of completed ones: the newest of those lie behind all that live.
  const PATHS = [
    '/',
    '/sagas',
    '/sagas?status=pending',
    '/sagas?status=running',
    '/sagas?status=dead_lettered',
    '/sagas?definition=send-letter',
    '/errors',
    '/queues',
    '/definitions',
  ]
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>
  let own: pg.Client

  beforeAll(async () => {
    database = await testDatabase()
    client = createSagaClient({ connectionString: database.connectionString })
    await client.count()
    await database.pool.query('alter table saga.saga set (autovacuum_enabled = off)')
    await client.enqueueMany(
      sendLetter,
      Array.from({ length: QUEUED }, () => ({ input: { to: 'ada' } })),
    )
    own = new pg.Client({ connectionString: database.connectionString })
    await own.connect()
  })
  afterAll(async () => {
    await own.end()
    await client.close()
    await database.drop()
  })

  async function looksThroughFew(path: string): Promise<void> {
    const app = dashboardFor(client)
    await get(app, path)
    const recorder = new Recorder()
    let statements: readonly Statement[]
    try {
      expect((await get(app, path)).status).toBe(200)
      statements = recorder.take()
    } finally {
      recorder.end()
    }
    let explained = 0
    for (const statement of statements) {
      const plan = await explain(own, statement)
      if (plan === undefined) continue
      explained += 1
      expect([plan.scanned, statement.text]).toEqual([[], statement.text])
      expect(plan.wasted + plan.used, statement.text).toBeLessThan(QUEUED / 2)
    }
    expect(explained).toBeGreaterThan(0)
  }

  describe('and no statistics know of', () => {
    test.each(PATHS)('%s does not look through all of them', looksThroughFew)
  })

  describe('and statistics know of', () => {
    beforeAll(async () => {
      await database.pool.query('analyze')
    })
    test.each(PATHS)('%s does not look through all of them', looksThroughFew)
  })

  describe('by statistics, and that have all been completed since', () => {
    beforeAll(() => become('completed', 'finished_at = now()'))
    test.each([...PATHS, '/sagas?status=completed'])('%s does not look through all of them', looksThroughFew)
  })

  describe('by statistics, and that have all died since', () => {
    beforeAll(() =>
      become(
        'dead_lettered',
        `finished_at = null, dead_reason = 'forward_exhausted', error_group = '1:aaaaaaaaaaaaaaaa'`,
      ),
    )
    test.each([
      ...PATHS,
      '/errors/1:aaaaaaaaaaaaaaaa',
      '/sagas?error-group=1:aaaaaaaaaaaaaaaa',
      '/operations/new?verb=retry&error-group=1:aaaaaaaaaaaaaaaa',
      '/operations/new?verb=retry&status=dead_lettered',
      '/errors?state=ignored',
      '/errors?definition=send-letter',
      '/definitions/send-letter',
    ])('%s does not look through all of them', looksThroughFew)
  })

  async function become(status: string, more: string): Promise<void> {
    await database.pool.query(
      `update saga.saga set status = $1, state = replace(state::text, '"' || status || '"', '"' || $1 || '"')::json, ${more}`,
      [status],
    )
  }
})

describe('among fifty thousand sagas', () => {
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>
  let own: pg.Client
  let addresses: readonly Address[]

  beforeAll(async () => {
    database = await testDatabase()
    const { sagas } = await fillShop(database.connectionString, SAGAS)
    expect(sagas).toBeGreaterThanOrEqual(SAGAS)
    await countShop(database.connectionString)
    addresses = await addressesIn(database.connectionString)
    client = createSagaClient({ connectionString: database.connectionString })
    own = new pg.Client({ connectionString: database.connectionString })
    await own.connect()
  })
  afterAll(async () => {
    await own.end()
    await client.close()
    await database.drop()
  })

  test('every page, and the list with every filter, finds by an index what it shows', async () => {
    const app = dashboardFor(client)
    // What is asked once a process is not asked of it here.
    await get(app, '/sagas')
    const recorder = new Recorder()
    const scans: string[] = []
    let explained = 0
    try {
      for (const { path } of addresses) {
        recorder.take()
        expect((await get(app, path)).status, path).toBe(200)
        for (const statement of recorder.take()) {
          expect(statement.text, path).not.toMatch(/\boffset\b/i)
          const plan = await explain(own, statement)
          if (plan === undefined) continue
          explained += 1
          if (plan.wasted > MOST_WASTED) scans.push(`${path} throws ${plan.wasted} rows away: ${statement.text}`)
          if (plan.scanned.length > 0) scans.push(`${path} reads ${plan.scanned.join()}: ${statement.text}`)
        }
      }
    } finally {
      recorder.end()
    }
    expect(scans).toEqual([])
    expect(explained).toBeGreaterThan(addresses.length)
  })

  test('a full page of the list is small on its way', async () => {
    const app = dashboardFor(client)
    for (const path of ['/sagas', '/sagas?status=dead_lettered']) {
      const { text } = await get(app, path)
      expect(text.match(/id="saga-/g), path).toHaveLength(50)
      expect(gzipSync(text).length, path).toBeLessThan(8 * 1024)
    }
  })

  test('a scan would be seen, and so would an index that is walked from end to end', async () => {
    const seen = await explain(own, {
      text: 'select count(payload) from saga.saga_event',
      values: [],
      ms: 0,
      settings: '',
    })
    expect(seen?.scanned).toEqual(['saga_event'])
    const text = `select id from saga.saga where input_hash = '' order by id desc limit 51`
    await own.query('set enable_seqscan = off')
    const walked = await explain(own, { text, values: [], ms: 0, settings: '' })
    await own.query('reset enable_seqscan')
    expect(walked?.scanned).toEqual([])
    expect(walked?.wasted).toBeGreaterThanOrEqual(SAGAS)
  })
})
