/**
 * Packs the package as npm would publish it and checks the tarball: publint reads its manifest, attw resolves its
 * types the way users' compilers do, and every published file is one that was meant to be.
 *
 * `dist` must have been built before.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = join(import.meta.dirname, '..')

/** Ways of resolving that a package of ES modules does not serve, as its `engines` say. */
const unserved = new Set(['node10', 'node16-cjs'])

const meant = [
  /^dist\/.+\.(js|d\.ts|css|svg)$/,
  /^drizzle\//,
  /^docs\/.+\.md$/,
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
]

const folder = mkdtempSync(join(tmpdir(), 'pg-saga-pack-'))
try {
  const answer = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const tarball = new Uint8Array(readFileSync(join(folder, readdirSync(folder)[0] ?? '')))
  const complaints = [...strayFiles(answer), ...(await manifestProblems(tarball)), ...(await typeProblems(tarball))]
  for (const complaint of complaints) console.error(`package: ${complaint}`)
  if (complaints.length > 0) process.exitCode = 1
  else console.log('package: publint and attw have nothing to say against it')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function strayFiles(packed: string): readonly string[] {
  const [{ files }] = JSON.parse(packed) as [{ files: readonly { path: string }[] }]
  return files
    .filter(({ path }) => !meant.some((pattern) => pattern.test(path)))
    .map(({ path }) => `${path} would be published, and was not meant to be`)
}

async function manifestProblems(tarball: Uint8Array): Promise<readonly string[]> {
  const { messages, pkg } = await publint({ pack: { tarball: tarball.slice().buffer }, strict: true })
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code)
}

async function typeProblems(tarball: Uint8Array): Promise<readonly string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(tarball))
  if (!analysis.types) return ['it has no types']
  return analysis.problems
    .filter((problem) => !('resolutionKind' in problem && unserved.has(problem.resolutionKind)))
    .map((problem) => JSON.stringify({ ...problem, trace: undefined }))
}
