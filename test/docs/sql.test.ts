/**
 * The page on SQL, run as it stands there: a worker of its own, and each `sql run` block in turn, as whoever the block says.
 * What a block's last statement gives is what the `text` block behind it says, as soon as the worker has come to it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { grantsFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dropRoles, loginAs, roleName } from '../support/sql-users.ts'
import { until } from '../support/waiting.ts'
import { codeBlocks, ROOT, readPage } from './markdown.ts'

const { text } = readPage('docs/sql.md')
const blocks = codeBlocks(text)
const ROLES = ['saga_starter', 'saga_viewer', 'saga_operator', 'web_app', 'night_shift', 'shop_floor']

let database: TestDatabase
let worker: ChildProcess
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  for (const statement of grantsFor()) await database.pool.query(ours(statement))
  mkdirSync(join(ROOT, '.postgres'), { recursive: true })
  folder = mkdtempSync(join(ROOT, '.postgres', 'docs-'))
  const code = blocks.find(({ info }) => info === 'ts worker')?.code ?? ''
  const path = join(folder, 'worker.ts')
  writeFileSync(path, code.replaceAll(`'pg-saga'`, `'${join(ROOT, 'src', 'index.ts')}'`))
  const env = { ...process.env, DATABASE_URL: database.connectionString }
  worker = spawn(process.execPath, [path], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  await until('the worker is there', async () => {
    return (await database.pool.query('select from saga.saga_worker')).rows.length > 0
  })
})
afterAll(async () => {
  const gone = new Promise((resolve) => worker.once('exit', resolve))
  worker.kill('SIGKILL')
  await gone
  rmSync(folder, { recursive: true, force: true })
  await dropRoles(database)
  await database.drop()
})

const names = new Map(ROLES.map((role) => [role, roleName(role)]))

/** Roles belong to the whole server: each run has its own. */
function ours(statement: string): string {
  return ROLES.reduce(
    (given, role) => given.replaceAll(new RegExp(`\\b${role}\\b`, 'g'), names.get(role) ?? ''),
    statement,
  )
}

/** The rows of a table as psql shows it, column by column. */
function rowsOf(shown: string): readonly string[][] {
  const lines = shown.trimEnd().split('\n')
  return lines.filter((_line, at) => at !== 1).map((line) => line.split('|').map((cell) => cell.trim()))
}

function shownAs(value: unknown): string {
  if (value === true) return 't'
  if (value === false) return 'f'
  return String(value)
}

/** As psql would show it: a table, or the error. */
async function answer(role: string | undefined, sql: string): Promise<readonly string[][] | string> {
  await using login = await loginAs(database, role)
  try {
    const statements = sql.includes('$$') ? [sql] : sql.split(/;\n/).filter((one) => one.trim() !== '')
    let rows: Record<string, unknown>[] = []
    for (const statement of statements) rows = (await login.ask(statement)) ?? []
    if (rows.length === 0) return []
    return [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row).map(shownAs))]
  } catch (error) {
    return `ERROR:  ${(error as Error).message}\n`
  }
}

const steps = blocks.flatMap(({ info, code }, at) => {
  const [, role] = /^sql run(?: as (\w+))?$/.exec(info) ?? []
  if (!info.startsWith('sql run')) return []
  const next = blocks[at + 1]
  return [{ at: `block ${at}`, role, code, expected: next?.info === 'text' ? next.code : undefined }]
})

describe('the page on SQL', () => {
  test('has blocks to run, as several roles', () => {
    expect(new Set(steps.map(({ role }) => role))).toEqual(new Set([undefined, 'web_app', 'night_shift', 'shop_floor']))
  })

  test.each(steps)('says what $at gives', async ({ role, code, expected }) => {
    const login = role === undefined ? undefined : names.get(role)
    const first = await answer(login, ours(code))
    if (expected === undefined) return expect(typeof first === 'string' ? first : '').toBe('')
    const wanted = expected.startsWith('ERROR') ? expected : rowsOf(expected)
    // Only looking may be repeated. What was given before it in the block was given once.
    const lookAgain = code.slice(code.lastIndexOf('select'))
    if (JSON.stringify(first) === JSON.stringify(wanted)) return
    if (/saga\.\w+\(/.test(lookAgain)) return expect(first).toEqual(wanted)
    await expect.poll(() => answer(login, ours(lookAgain)), { timeout: 30_000 }).toEqual(wanted)
  })

  test('names the columns of all views, and no others', async () => {
    const rows = [...text.matchAll(/^\| `(\w+)` \| each [^|]*\| ([^|]*) \|$/gm)]
    const told = new Map(rows.map(([, view = '', columns = '']) => [view, columns.match(/\w+(?=`)/g) ?? []]))
    const { rows: there } = await database.pool.query(
      `select table_name as view, array_agg(column_name::text order by ordinal_position) as columns
       from information_schema.columns where table_schema = 'saga' and table_name in (select table_name from information_schema.views where table_schema = 'saga')
       group by 1`,
    )
    expect(new Set(there.map(({ view }) => String(view)))).toEqual(new Set(told.keys()))
    for (const { view, columns } of there)
      expect(columns).toEqual(view === 'own_command' ? told.get('command') : told.get(view))
  })
})
