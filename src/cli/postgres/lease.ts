/**
 * Who uses a server. Several processes may share one; the last to leave stops it, also when it leaves by `kill -9`.
 *
 * 1. Each user has a watchdog: a shell that sleeps in a read from its user's pipe. The pipe closes when the user
 *    dies, however it dies.
 * 2. The folder `<dataDir>.users` holds one file per watchdog, named after its process id.
 * 3. Leaving is: remove one's file, then `rmdir` the folder. `rmdir` succeeds only when it is empty, so
 *    exactly the last one stops the server, without a lock.
 * 4. Only a starter that saw no live server makes the folder. Whoever finds a live server and no folder has met one
 *    that is being stopped, and waits until it is gone.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'

/** `fast` ends the sessions and writes a checkpoint; `immediate` is a crash, and the next start recovers. */
export type StopMode = 'fast' | 'immediate'

/** A place among the users of one server. */
export type Lease = {
  /** Leaves; resolves when the server was told to stop, or others were found who use it. Safe to repeat. */
  leave(mode: StopMode): Promise<void>
}

const watchdogScript = `
trap '' INT TERM HUP
read -r signal || signal=INT
server=$(head -n 1 "$2" 2>/dev/null)
rm -f "$1/$$"
for file in "$1"/*; do
  other=\${file##*/}
  kill -0 "$other" 2>/dev/null || rm -f "$file"
done
rmdir "$1" 2>/dev/null && [ -n "$server" ] && kill -"$signal" "$server" 2>/dev/null
exit 0
`

/**
 * Takes a place among the users of the server in `dataDir`.
 *
 * @param mayFound whether no server was seen, so that this process may found the folder of users.
 * @returns `undefined` where the last user of a live server is just leaving.
 */
export async function takeLease(dataDir: string, mayFound: boolean): Promise<Lease | undefined> {
  const folder = `${dataDir}.users`
  const watchdog = spawn('sh', ['-c', watchdogScript, 'sh', folder, join(dataDir, 'postmaster.pid')], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  await new Promise<void>((resolve, reject) => watchdog.once('spawn', resolve).once('error', reject))
  // Neither the shell nor the pipe to it keeps the user's process running.
  watchdog.unref()
  ;(watchdog.stdin as Writable & { unref(): void }).unref()
  watchdog.stdin.on('error', () => {})
  if (mayFound) mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, String(watchdog.pid)), '')
  } catch (error) {
    await tell(watchdog, 'fast')
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
  return { leave: (mode) => tell(watchdog, mode) }
}

async function tell(watchdog: ChildProcess, mode: StopMode): Promise<void> {
  if (watchdog.exitCode !== null || watchdog.signalCode !== null) return
  watchdog.ref()
  const gone = new Promise<void>((resolve) => watchdog.once('exit', () => resolve()))
  if (watchdog.stdin?.writable) watchdog.stdin.end(mode === 'fast' ? 'INT\n' : 'QUIT\n')
  await gone
}

/** Whether anybody holds a place. A live server without users is being stopped. */
export function hasUsers(dataDir: string): boolean {
  return existsSync(`${dataDir}.users`)
}
