/**
 * The code of the pages, run as it stands there: the TypeScript blocks of README.md, and those of docs/*.md that are
 * marked `ts run`. The blocks of a page are one program. Its `sql` blocks come first, on an empty database; what it
 * prints is what the `text` blocks say.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { codeBlocks, type Page, ROOT, readPage, readPages } from './markdown.ts'

const run = promisify(execFile)

type Program = { readonly name: string; readonly sql: string; readonly code: string; readonly prints: string }

/** `undefined` for a page without code to run. */
function programOf({ path, text }: Page): Program | undefined {
  const blocks = codeBlocks(text)
  const joined = (...infos: string[]) =>
    blocks
      .filter(({ info }) => infos.includes(info))
      .map(({ code }) => code)
      .join('')
  const code = path === 'README.md' ? joined('ts', 'ts run') : joined('ts run')
  if (code === '') return undefined
  return { name: basename(path, '.md'), sql: joined('sql'), code, prints: joined('text') }
}

/** The program as a file that runs and compiles in `folder`, with the package's own source in place of the package. */
function written(folder: string, { name, code }: Program): string {
  const path = join(folder, `${name}.ts`)
  const source = relative(folder, join(ROOT, 'src')).split(sep).join('/')
  // 'pg-saga', and what has an export of its own: 'pg-saga/dashboard'.
  writeFileSync(
    path,
    code.replace(/'pg-saga(\/\w+)?'/g, (_all, part: string = '') => `'${source}${part}/index.ts'`),
  )
  return path
}

async function printed(path: string, connectionString: string): Promise<string> {
  const env = { ...process.env, DATABASE_URL: connectionString, NO_COLOR: '1' }
  const { stdout } = await run(process.execPath, [path], { env, timeout: 50_000 })
  return stdout
}

const programs = readPages().flatMap((page) => programOf(page) ?? [])

describe('the code of a page', () => {
  let database: TestDatabase
  let folder: string

  beforeAll(async () => {
    database = await testDatabase()
    // Inside the project, so that its packages are found, where git does not look.
    mkdirSync(join(ROOT, '.postgres'), { recursive: true })
    folder = mkdtempSync(join(ROOT, '.postgres', 'docs-'))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await database.drop()
  })

  test('is there in README.md and in docs/concepts.md', () => {
    expect(programs.map(({ name }) => name)).toEqual(expect.arrayContaining(['README', 'concepts']))
  })

  test.each(programs.map((program) => [program.name, program] as const))(
    'of %s prints what the page says',
    async (_name, program) => {
      const own = await testDatabase()
      try {
        if (program.sql !== '') await own.pool.query(program.sql)
        expect(await printed(written(folder, program), own.connectionString)).toBe(program.prints)
      } finally {
        await own.drop()
      }
    },
  )

  test('compiles as strictly as the package does', async () => {
    const files = programs.map((program) => written(folder, program))
    const config = { extends: '../../tsconfig.json', include: files.map((file) => `./${basename(file)}`) }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
    const { stdout } = await run(tsc, ['-p', folder]).catch((error: { stdout: string }) => error)
    expect(stdout).toBe('')
  })

  test('that prints something else is found', async () => {
    const code = `import { StepRejected } from 'pg-saga'\nconsole.log(new StepRejected('no').name)\n`
    const page = { path: 'docs/wrong.md', text: `\`\`\`ts run\n${code}\`\`\`\n\`\`\`text\nsomething\n\`\`\`\n` }
    const program = programOf(page) as Program
    const output = await printed(written(folder, program), database.connectionString)
    expect(output).toBe('StepRejected\n')
    expect(output).not.toBe(program.prints)
  })

  test('of the README is short enough to read: 25 lines', () => {
    const { text } = readPage('README.md')
    const [example] = codeBlocks(text).filter(({ info }) => info === 'ts')
    const lines = example?.code.split('\n').filter((line) => line.trim() !== '')
    expect(lines?.length).toBeLessThanOrEqual(25)
  })
})
