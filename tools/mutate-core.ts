/**
 * Breaks the core in many small ways and sees to it that `test/core` notices each of them: `node tools/mutate-core.ts`,
 * or with words after it, only the mutants whose names have them.
 *
 * Works on copies, one per run under way. A mutation whose text is not found is an error, so that the list cannot rot.
 */
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { MUTATIONS, type Mutation } from './core-mutations.ts'

const REPO = join(import.meta.dirname, '..')
const CORE = join('src', 'engine', 'core')
/** What the tests of the core need, and no more. */
const NEEDED = [
  CORE,
  join('src', 'engine', 'runtime', 'keys.ts'),
  join('test', 'core'),
  'package.json',
  'tsconfig.json',
]
/** Of each property: fewer than in the tests, because there are many mutants and most of them fall at once. */
const RUNS = process.env['PG_SAGA_RUNS'] ?? '150'

const CONFIG = `export default {
  test: { include: ['test/core/**/*.test.ts'], pool: 'forks', maxWorkers: 1, isolate: false, testTimeout: 120_000, bail: 1 },
}
`

type Verdict = { readonly mutation: Mutation; readonly killedBy: string | undefined; readonly ms: number }

async function main(): Promise<number> {
  const words = process.argv.slice(2).join(' ')
  const chosen = MUTATIONS.filter(({ name }) => name.includes(words))
  const rotten = (await Promise.all(chosen.map(misfit))).filter((problem) => problem !== undefined)
  if (rotten.length > 0 || chosen.length === 0) {
    console.error(rotten.length > 0 ? rotten.join('\n') : `No mutant is called "${words}".`)
    return 1
  }
  const copies = await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, makeCopy))
  try {
    const sound = await firstFailure(copies[0] ?? '')
    if (sound !== undefined) {
      console.error(`The core fails its tests before it is mutated: ${sound}`)
      return 1
    }
    const verdicts = await runAll(chosen, copies)
    const survivors = verdicts.filter(({ killedBy }) => killedBy === undefined)
    console.log(`\n${verdicts.length - survivors.length} of ${verdicts.length} mutants killed.`)
    return survivors.length === 0 ? 0 : 1
  } finally {
    await Promise.all(copies.map((copy) => rm(copy, { recursive: true, force: true })))
  }
}

/** Why a mutation cannot be made, if it cannot. */
async function misfit({ file, find, name }: Mutation): Promise<string | undefined> {
  const times = (await readFile(join(REPO, CORE, file), 'utf8')).split(find).length - 1
  return times === 1 ? undefined : `"${name}": its text is found ${times} times in ${file}, and should be found once.`
}

async function makeCopy(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'pg-saga-mutants-'))
  await mkdir(join(copy, 'src', 'engine', 'runtime'), { recursive: true })
  for (const path of NEEDED) await cp(join(REPO, path), join(copy, path), { recursive: true })
  await symlink(join(REPO, 'node_modules'), join(copy, 'node_modules'))
  await writeFile(join(copy, 'vitest.config.mjs'), CONFIG)
  return copy
}

/** Each copy takes the next mutant as soon as it is done with one. */
async function runAll(mutations: readonly Mutation[], copies: readonly string[]): Promise<readonly Verdict[]> {
  const waiting = [...mutations]
  const verdicts: Verdict[] = []
  const work = async (copy: string): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const verdict = await tryOut(copy, next)
      verdicts.push(verdict)
      console.log(lineOf(verdict))
    }
  }
  await Promise.all(copies.map(work))
  return verdicts
}

async function tryOut(copy: string, mutation: Mutation): Promise<Verdict> {
  const path = join(copy, CORE, mutation.file)
  const sound = await readFile(path, 'utf8')
  const began = performance.now()
  // A function as the replacement, because `$` in a text means something.
  await writeFile(
    path,
    sound.replace(mutation.find, () => mutation.replace),
  )
  try {
    return { mutation, killedBy: await firstFailure(copy), ms: performance.now() - began }
  } finally {
    await writeFile(path, sound)
  }
}

/** Runs the tests of a copy. @returns the name of the first test that fails; `undefined` when none does. */
async function firstFailure(copy: string): Promise<string | undefined> {
  const report = join(copy, 'report.json')
  await rm(report, { force: true })
  const code = await new Promise<number | null>((resolve, reject) => {
    const vitest = join(REPO, 'node_modules', 'vitest', 'vitest.mjs')
    const parameters = [vitest, 'run', '--config', 'vitest.config.mjs', '--reporter=json', `--outputFile=${report}`]
    const env = { ...process.env, PG_SAGA_RUNS: RUNS }
    const run = spawn(process.execPath, parameters, { cwd: copy, env, stdio: 'ignore' })
    run.on('error', reject)
    run.on('exit', resolve)
  })
  if (code === 0) return undefined
  const results = (JSON.parse(await readFile(report, 'utf8')) as Results).testResults
  const failed = results.flatMap((file) => file.assertionResults).find(({ status }) => status === 'failed')
  // A mutant that cannot be loaded shows nothing about the tests.
  if (failed === undefined) throw new Error(`The tests failed (${code}), and none of them says why: see ${report}.`)
  return failed.fullName
}

type Results = {
  readonly testResults: readonly { readonly assertionResults: readonly { status: string; fullName: string }[] }[]
}

function lineOf({ mutation, killedBy, ms }: Verdict): string {
  const result = killedBy === undefined ? 'SURVIVED' : 'killed  '
  const seconds = `${(ms / 1000).toFixed(1)} s`.padStart(7)
  return `${result} ${seconds}  rule ${String(mutation.rule).padStart(2)}  ${mutation.name}${killedBy === undefined ? '' : `\n${' '.repeat(28)}by: ${killedBy}`}`
}

process.exitCode = await main()
