import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isPostgresOf } from '../../src/cli/postgres/data-folder.ts'
import { withClient } from '../../tools/postgres/database.ts'
import { type EmbeddedPostgres, startPostgres } from '../../tools/postgres/embedded.ts'
import { until } from '../support/waiting.ts'

const embeddedModule = join(import.meta.dirname, '..', '..', 'tools', 'postgres', 'embedded.ts')

/** Nothing here loses power, and the first sync of a fresh folder takes longer than the rest of a test. */
const settings = { fsync: 'off' }

let folder: string
let initialised: string
let dataDir: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pg-saga-postgres-'))
  initialised = join(folder, 'initialised')
  await (await startPostgres({ dataDir: initialised, settings })).stop()
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A copy costs a third of what initdb does. */
beforeEach(() => {
  dataDir = join(mkdtempSync(join(folder, 'test-')), 'data')
  cpSync(initialised, dataDir, { recursive: true })
})

async function untilGone(pid: number): Promise<void> {
  await expect.poll(() => isPostgresOf(pid, dataDir), { timeout: 10_000 }).toBe(false)
}

async function numbers(server: EmbeddedPostgres): Promise<readonly number[]> {
  return await withClient(server.connectionString(), async (client) => {
    const { rows } = await client.query<{ n: number }>('select n from kept order by n')
    return rows.map((row) => row.n)
  })
}

async function keep(server: EmbeddedPostgres, n: number): Promise<void> {
  await withClient(server.connectionString(), async (client) => {
    await client.query('create table if not exists kept (n int)')
    await client.query('insert into kept values ($1)', [n])
  })
}

/** A Node process that starts a server, prints what it got as JSON and then does what `then` says. */
function starter(then: string) {
  const script = `
    import { startPostgres } from ${JSON.stringify(embeddedModule)}
    const server = await startPostgres(${JSON.stringify({ dataDir, settings })})
    console.log(JSON.stringify({ pid: server.pid, attached: server.attached }))
    ${then}`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const answered = Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => Promise.reject(new Error('No answer.'))),
  ]).then(([data]) => JSON.parse(String(data)) as { pid: number; attached: boolean })
  return { child, exited, answered }
}

describe('the embedded Postgres', () => {
  test('keeps what was committed when the server is killed', async () => {
    const first = await startPostgres({ dataDir, settings })
    await keep(first, 1)
    process.kill(first.pid, 'SIGKILL')
    await untilGone(first.pid)
    const second = await startPostgres({ dataDir, settings })
    expect(second.attached).toBe(false)
    expect(await numbers(second)).toEqual([1])
    await second.stop()
    await first.stop()
    await untilGone(second.pid)
  })

  test('keeps what was committed over an immediate and a fast stop', async () => {
    const first = await startPostgres({ dataDir, settings })
    await keep(first, 1)
    await first.stop('immediate')
    const second = await startPostgres({ dataDir, settings })
    await keep(second, 2)
    await second.stop()
    expect(isPostgresOf(second.pid, dataDir)).toBe(false)
    const third = await startPostgres({ dataDir, settings })
    expect(await numbers(third)).toEqual([1, 2])
    await third.stop()
  })

  test('is one server for all who start it at once, and ends with the last of them', async () => {
    rmSync(dataDir, { recursive: true })
    const servers = await Promise.all([1, 2, 3, 4].map(() => startPostgres({ dataDir, settings })))
    expect(new Set(servers.map((server) => server.pid)).size).toBe(1)
    expect(servers.filter((server) => !server.attached)).toHaveLength(1)
    const [last, ...others] = servers as [EmbeddedPostgres, ...EmbeddedPostgres[]]
    for (const server of others) await server.stop()
    await keep(last, 1)
    await last.stop()
    expect(isPostgresOf(last.pid, dataDir)).toBe(false)
  })

  test('is shared between processes, and outlives the one that started it', async () => {
    const owner = starter('setInterval(() => {}, 1_000)')
    const { pid } = await owner.answered
    const joined = await startPostgres({ dataDir, settings })
    expect(joined).toMatchObject({ attached: true, pid })
    owner.child.kill('SIGKILL')
    await owner.exited
    await keep(joined, 1)
    await joined.stop()
    // Where the watchdog of the one that was killed is the last to leave, it stops the server, and nobody waits for that.
    await until('the server is gone', async () => !isPostgresOf(pid, dataDir))
  })

  test('comes up once when several processes start on a fresh folder', async () => {
    rmSync(dataDir, { recursive: true })
    const starters = Array.from({ length: 3 }, () => starter('process.stdin.once("end", () => server.stop()).resume()'))
    const answers = await Promise.all(starters.map((one) => one.answered))
    expect(new Set(answers.map((answer) => answer.pid)).size).toBe(1)
    for (const { child } of starters) child.stdin.end()
    expect(await Promise.all(starters.map((one) => one.exited))).toEqual(starters.map(() => [0, null]))
    await untilGone(answers[0]?.pid ?? 0)
  })

  test('leaves no orphan when its process is killed', async () => {
    const { child, answered } = starter('setInterval(() => {}, 1_000)')
    const { pid } = await answered
    child.kill('SIGKILL')
    await untilGone(pid)
  })

  test.each([
    ['process.exitCode = 3', 3],
    ['process.exitCode = 3; await server.stop()', 3],
    ['process.exit(4)', 4],
    ['throw new Error("planted")', 1],
  ])('leaves the exit code alone: %s', async (then, expected) => {
    const { exited, answered } = starter(then)
    const { pid } = await answered
    expect(await exited).toEqual([expected, null])
    await untilGone(pid)
  })

  test('starts over a stale postmaster.pid whose number is in use by somebody else', async () => {
    const first = await startPostgres({ dataDir, settings })
    await keep(first, 1)
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
    await first.stop('immediate')
    writeFileSync(join(dataDir, 'postmaster.pid'), [process.pid, ...lines.slice(1)].join('\n'))
    const second = await startPostgres({ dataDir, settings })
    expect(await numbers(second)).toEqual([1])
    await second.stop()
  })

  test('asks for the password', async () => {
    const server = await startPostgres({ dataDir, settings })
    const url = new URL(server.connectionString())
    url.password = 'guessed'
    await expect(withClient(url.href, (client) => client.query('select 1'))).rejects.toThrow('password authentication')
    await server.stop()
  })

  test('takes settings, and shows the log when one of them is wrong', async () => {
    const server = await startPostgres({ dataDir, settings: { work_mem: '5MB' } })
    const { rows } = await withClient(server.connectionString(), (client) => client.query('show work_mem'))
    expect(rows).toEqual([{ work_mem: '5MB' }])
    await server.stop()
    await expect(startPostgres({ dataDir, settings: { wal_level: 'nonsense' } })).rejects.toThrow('wal_level')
  })

  test('refuses a folder of another major version', async () => {
    await (await startPostgres({ dataDir, settings })).stop()
    writeFileSync(join(dataDir, 'PG_VERSION'), '17\n')
    await expect(startPostgres({ dataDir, settings })).rejects.toThrow('was made by Postgres 17, not 18')
  })
})
