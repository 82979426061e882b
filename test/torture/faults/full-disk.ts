/** The disk under the tables is full for a while: results are kept, and written when there is room again. */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SMALL_DISK } from '../abandoned.ts'
import type { Fault } from '../fault.ts'
import type { Scene } from '../scene.ts'
import { waitFor } from './victims.ts'

const SIZE = '128m'
const CHUNK = Buffer.alloc(1024 * 1024)
/** A statement that finds no room says so. */
const FULL = 'could not extend file|No space left on device'

function mount(folder: string): boolean {
  mkdirSync(folder, { recursive: true })
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder]).status === 0
}

function missing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting a small disk needs Linux and root'
  const folder = join('/tmp', `pg-saga-try-${process.pid}`)
  const isMounted = mount(folder)
  if (isMounted) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true, force: true })
  return isMounted ? undefined : 'a tmpfs cannot be mounted here'
}

async function fullFor(scene: Scene, seconds: number): Promise<readonly string[]> {
  const folder = join(scene.server.folder, SMALL_DISK)
  if (!mount(folder)) return ['the small disk cannot be mounted']
  try {
    const { uid, gid } = statSync(scene.server.dataDir)
    chownSync(folder, uid, gid)
    await scene.server.query(`create tablespace small location '${folder}'`)
    await move(scene, 'small')
    scene.hinderedUntil = Number.POSITIVE_INFINITY
    fill(join(folder, 'ballast'))
    await waitFor('a worker finds no room', async () => (saysFull(scene) ? true : undefined))
    await delay(seconds * 1_000)
    rmSync(join(folder, 'ballast'))
    await move(scene, 'pg_default')
    await scene.server.query('drop tablespace small')
    return []
  } finally {
    scene.hinderedUntil = performance.now()
    spawnSync('umount', [folder])
  }
}

export const fullDisk: Fault = {
  name: 'full-disk',
  says: 'the tables lie on a small disk, which is full for up to 5 s',
  isShort: false,
  keepsWorkers: true,
  missing,
  strike: (scene, dice) => fullFor(scene, dice.whole(2, 5)),
}

/** Longer than a lease: nobody's sign of life can be written. Transactional steps give their own statements up sooner. */
export const longFullDisk: Fault = {
  name: 'long-full-disk',
  says: 'the same for 40 s, longer than a lease',
  isShort: false,
  keepsWorkers: true,
  failsAttempts: FULL,
  missing,
  strike: (scene) => fullFor(scene, 40),
}

/** All tables and indexes of the database, one by one: workers use them meanwhile. */
async function move({ server }: Scene, tablespace: string): Promise<void> {
  const relations = await server.query<{ statement: string }>(
    `select format('alter %s %s set tablespace %I', case c.relkind when 'i' then 'index' else 'table' end, c.oid::regclass, $1::text)
       as statement
     from pg_class c where c.relkind in ('r', 'i') and c.relnamespace::regnamespace::text in ('saga', 'pgboss', 'public')`,
    [tablespace],
  )
  for (const { statement } of relations) await server.query(statement)
}

function fill(file: string): void {
  try {
    for (;;) writeFileSync(file, CHUNK, { flag: 'a' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

function saysFull({ crew }: Scene): boolean {
  const isFull = new RegExp(FULL)
  return crew.members.some(({ log }) => log.some((line) => isFull.test(line)))
}
