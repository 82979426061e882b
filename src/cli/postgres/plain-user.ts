/**
 * Postgres refuses to run as root, yet containers and CI machines often are. This module finds a way to start it as
 * somebody else without creating a user:
 *
 * 1. Not root: nothing to do.
 * 2. A user namespace in which root's files belong to an ordinary user (`unshare`).
 * 3. The user `nobody` that keeps root's right to pass closed folders (`setpriv`), where namespaces are forbidden.
 * 4. The user `nobody` as it is, which works where the project lies in a folder that everybody may enter.
 *
 * Each way is tried out with the real binary in the real folder before it is chosen.
 */

import { spawnSync } from 'node:child_process'
import { chownSync, lchownSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const nobody = 65534

/** How to start a program as an ordinary user. */
export type PlainUser = {
  readonly name: 'self' | 'namespace' | 'nobody with rights' | 'nobody'
  /** Goes before the program and its arguments. */
  readonly prefix: readonly string[]
  readonly spawnOptions: { readonly uid?: number; readonly gid?: number }
  /** Who must own the data folder on disk; `undefined` leaves it alone. */
  readonly owner: number | undefined
}

const ways: readonly PlainUser[] = [
  { name: 'namespace', prefix: ['unshare', '-U', `--map-user=${nobody}`], spawnOptions: {}, owner: 0 },
  {
    name: 'nobody with rights',
    prefix: [
      'setpriv',
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      '--clear-groups',
      '--inh-caps=+dac_override',
      '--ambient-caps=+dac_override',
    ],
    spawnOptions: {},
    owner: nobody,
  },
  { name: 'nobody', prefix: [], spawnOptions: { uid: nobody, gid: nobody }, owner: nobody },
]

/**
 * Finds out how `program` can be run with a data folder inside `parent` (which must exist).
 *
 * @throws Error when every way is barred, with what each of them said.
 */
export function findPlainUser(program: string, parent: string): PlainUser {
  if (process.getuid?.() !== 0) return { name: 'self', prefix: [], spawnOptions: {}, owner: undefined }
  const refusals: string[] = []
  for (const way of ways) {
    const refusal = tryOut(way, program, parent)
    if (refusal === undefined) return way
    refusals.push(`${way.name}: ${refusal}`)
  }
  throw new Error(
    `Postgres does not run as root, and no way around it works here. Start as another user, or set DATABASE_URL. ${refusals.join('; ')}`,
  )
}

/** Hands a data folder to the user who will run Postgres. Costs one stat when it is theirs already. */
export function handOver(folder: string, user: PlainUser): void {
  if (user.owner === undefined || lstatSync(folder).uid === user.owner) return
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(folder, entry), user.owner, user.owner)
  }
  // Last, so that an interrupted hand-over is taken up again.
  chownSync(folder, user.owner, user.owner)
}

function tryOut(way: PlainUser, program: string, parent: string): string | undefined {
  const folder = mkdtempSync(join(parent, '.try-'))
  try {
    if (way.owner !== undefined) chownSync(folder, way.owner, way.owner)
    const script = 'test "$(id -u)" != 0 && "$0" --version >/dev/null && : >"$1/file"'
    const [command, ...args] = [...way.prefix, 'sh', '-c', script, program, folder]
    const result = spawnSync(command, args, { ...way.spawnOptions, cwd: dirname(folder), encoding: 'utf8' })
    if (result.error) return result.error.message
    return result.status === 0 ? undefined : result.stderr.trim() || `exit code ${result.status}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
