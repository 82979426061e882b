/** A data folder on disk: how it is made, and what its `postmaster.pid` says of the server that runs in it. */

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { handOver, type PlainUser } from './plain-user.ts'

const passwordFile = 'superuser-password'

/** What a live server wrote of itself. `ready` turns true when it accepts connections. */
export type Server = { readonly pid: number; readonly port: number; readonly ready: boolean }

/**
 * Makes the data folder unless it is there.
 *
 * The work happens in a sibling folder that is renamed when complete: a killed process leaves no half-made
 * folder, and of several processes that start at once one wins and the others throw theirs away.
 *
 * @throws Error when the folder belongs to another major version, or when initdb fails.
 */
export function ensureDataFolder(dataDir: string, binaries: Binaries, user: PlainUser): void {
  removeAbandoned(dataDir)
  if (!existsSync(join(dataDir, 'PG_VERSION'))) initialise(dataDir, binaries, user)
  const major = readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim()
  if (major !== binaries.major) {
    throw new Error(
      `${dataDir} was made by Postgres ${major}, not ${binaries.major}: name another folder or remove it.`,
    )
  }
  handOver(dataDir, user)
  // Postgres insists on it, and a copied folder may have lost it.
  chmodSync(dataDir, 0o700)
}

/** The password of the user `postgres`, chosen when the folder was made. */
export function readPassword(dataDir: string): string {
  return readFileSync(join(dataDir, passwordFile), 'utf8')
}

/** The server that runs in this folder, or `undefined` where there is none, whatever a stale `postmaster.pid` says. */
export function readServer(dataDir: string): Server | undefined {
  let lines: string[]
  try {
    lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return undefined
  }
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0 || !isPostgresOf(pid, dataDir)) return undefined
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
}

/**
 * Removes a `postmaster.pid` whose process is gone. Postgres does so itself unless the number was given to
 * another process since, which is common where a container starts again and counts from 1.
 */
export function removeStalePid(dataDir: string): void {
  if (readServer(dataDir) === undefined) rmSync(join(dataDir, 'postmaster.pid'), { force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether a process is the server of this folder. One that ended and waits to be reaped is not. */
export function isPostgresOf(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false
  try {
    const commandLine =
      process.platform === 'linux'
        ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        : spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout
    return commandLine.includes(dataDir)
  } catch {
    return false
  }
}

function initialise(dataDir: string, binaries: Binaries, user: PlainUser): void {
  const staging = `${dataDir}.new-${process.pid}-${randomBytes(4).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  mkdirSync(staging, { recursive: true, mode: 0o700 })
  const passwordSource = join(staging, '..', `${basename(staging)}.password`)
  try {
    handOver(staging, user)
    writeFileSync(passwordSource, `${password}\n`, { mode: user.name === 'nobody' ? 0o644 : 0o600 })
    const options = ['--auth=scram-sha-256', `--pwfile=${passwordSource}`, '--encoding=UTF8', '--locale=C.UTF-8']
    // Nothing in the folder is worth a sync yet; if the machine fails now, it is simply made again.
    const wanted = [binaries.initdb, '-D', staging, '-U', 'postgres', '--no-sync', ...options]
    const [command = binaries.initdb, ...args] = [...user.prefix, ...wanted]
    const result = spawnSync(command, args, { ...user.spawnOptions, cwd: staging, encoding: 'utf8' })
    if (result.status !== 0) {
      throw new Error(`initdb failed for ${dataDir}: ${result.error?.message ?? result.stderr.trim()}`)
    }
    writeFileSync(join(staging, passwordFile), password, { mode: 0o600 })
    renameSync(staging, dataDir)
  } catch (error) {
    // Somebody else was faster: their folder is as good as ours.
    if (!existsSync(join(dataDir, 'PG_VERSION'))) throw error
  } finally {
    rmSync(staging, { recursive: true, force: true })
    rmSync(passwordSource, { force: true })
  }
}

/** Deletes what processes left behind that were killed while they made the folder. */
function removeAbandoned(dataDir: string): void {
  const start = `${basename(dataDir)}.new-`
  for (const entry of readdirSync(dirname(dataDir))) {
    if (!entry.startsWith(start)) continue
    const pid = Number(entry.slice(start.length).split('-')[0])
    if (!isAlive(pid)) rmSync(join(dirname(dataDir), entry), { recursive: true, force: true })
  }
}
