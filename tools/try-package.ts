/**
 * `npm run package:try`: installs what would be published into an empty project, and works with it as a stranger would:
 * `pg-saga dev` with an embedded Postgres, sample sagas that end, the dashboard, and the config file that `init` writes.
 *
 * `dist` must have been built before.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeProblem } from '../src/cli/node-version.ts'
import { PACKAGE, PACKAGE_VERSION } from '../src/cli/postgres/binaries.ts'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'pg-saga-try-'))
/** A generous limit for what takes seconds. */
const LIMIT_MS = 120_000

/** Nothing of this project's is on the path: what is found there is the machine's, or the new project's own. */
const env = {
  ...process.env,
  PATH: [
    join(folder, 'node_modules', '.bin'),
    ...(process.env['PATH'] ?? '').split(':').filter((part) => !part.startsWith(root)),
  ].join(':'),
  DATABASE_URL: undefined,
}

function npm(...args: readonly string[]): void {
  execFileSync('npm', args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] })
}

function cli(...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const { status, stdout, stderr } = spawnSync('pg-saga', args, { cwd: folder, env, encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

function mustBe(what: string, holds: boolean, about: unknown): void {
  if (!holds) throw new Error(`In an empty project it is not so that ${what}: ${JSON.stringify(about)}`)
  console.log(`package: ${what}`)
}

/** The first line of JSON that it writes. */
async function firstLine(child: ChildProcess): Promise<{ readonly url: string }> {
  let out = ''
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly url: string }>()
  const timer = setTimeout(() => reject(new Error(`Nothing was written in ${LIMIT_MS} ms: ${out}`)), LIMIT_MS)
  child.stdout?.on('data', (text: Buffer) => {
    out += text.toString()
    if (out.includes('\n')) resolve(JSON.parse(out.split('\n')[0] ?? '') as { readonly url: string })
  })
  child.once('exit', (code) => reject(new Error(`It has ended with ${code}.`)))
  return promise.finally(() => clearTimeout(timer))
}

try {
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, type: 'module', allowScripts: { node: true, [PACKAGE]: true } }),
  )
  npm('install', '--no-audit', '--no-fund', join(folder, tarball), `${PACKAGE}@${PACKAGE_VERSION}`, 'zod')
  const version = execFileSync('node', ['--version'], { cwd: folder, env, encoding: 'utf8' }).trim().slice(1)
  if (nodeProblem(version) !== undefined) {
    const { code, err } = cli('--version')
    mustBe(`Node ${version} is told to be too old, with exit code 2`, code === 2 && err.includes('node@24'), {
      code,
      err,
    })
    npm('install', '--no-audit', '--no-fund', 'node@24')
  }
  mustBe('the program says its version', cli('--version').code === 0, cli('--version'))

  const beganAt = performance.now()
  const dev = spawn('pg-saga', ['dev', '--port', '0'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const { url } = await firstLine(dev)
  console.log(`package: pg-saga dev is up after ${((performance.now() - beganAt) / 1_000).toFixed(1)} s`)
  const giveUpAt = performance.now() + LIMIT_MS
  let page = ''
  // The sample's sagas are on the page, and end: four are completed, two undone.
  while (!(page.includes('compensated') && page.includes('completed')) && performance.now() < giveUpAt) {
    page = await (await fetch(new URL('sagas', url))).text()
  }
  mustBe(
    'the dashboard shows the sample’s sagas',
    page.includes('trip') && page.includes('compensated'),
    page.slice(0, 200),
  )
  const ended = once(dev, 'exit')
  dev.kill('SIGINT')
  const [code] = await ended
  mustBe('Ctrl-C ends it in order', code === 0, code)

  mustBe('init writes a config file', cli('init').code === 0, cli('init'))
  const check = cli('check', '--write')
  mustBe('and the check loads it', check.code === 0, check)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
