/** What suites have left behind that were killed: each is called by the process that made it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const FOLDERS = join(import.meta.dirname, '..', '..', '.postgres')
/** In its folder, where it has mounted one. */
export const SMALL_DISK = 'small-disk'

/** A folder for the servers of this process. */
export function ownFolder(): string {
  mkdirSync(FOLDERS, { recursive: true })
  for (const name of abandoned('torture-', readdirSync(FOLDERS))) {
    spawnSync('umount', [join(FOLDERS, name, SMALL_DISK)], { stdio: 'ignore' })
    rmSync(join(FOLDERS, name), { recursive: true, force: true })
  }
  const folder = join(FOLDERS, `torture-${process.pid}`)
  mkdirSync(folder)
  return folder
}

/** Of these names, those of processes that are gone. */
export function abandoned(prefix: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN
    return Number.isInteger(pid) && !isAlive(pid)
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
