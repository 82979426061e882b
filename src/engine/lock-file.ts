/**
 * The lock file: the shapes of an app's definitions, committed beside its code, so that a review and a build without a
 * database see what a deploy would do to sagas in flight.
 */
import type { Blueprint } from './core/blueprint.ts'
import { differences, namesIn } from './core/shapes.ts'
import { type Definition, hashBlueprint } from './definition.ts'
import { SagaError } from './errors.ts'

const FORMAT = 1

/** `sagas.lock.json`. */
export type LockFile = {
  readonly format: number
  /** By `name@version`, in order. */
  readonly definitions: { readonly [nameAndVersion: string]: Blueprint }
}

type Changed = { readonly definition: string; readonly version: number }

export type LockChange =
  | (Changed & { readonly change: 'added' })
  | (Changed & { readonly change: 'removed' })
  /** `isRename`: only names, and the code says that they are the same steps (`formerly`). */
  | (Changed & { readonly change: 'changed'; readonly isRename: boolean; readonly differences: readonly string[] })

export function lockOf(definitions: readonly Definition[]): LockFile {
  const entries = definitions.map(({ name, version, blueprint }) => [`${name}@${version}`, blueprint] as const)
  return { format: FORMAT, definitions: Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) }
}

/** @throws SagaError `OPTION_INVALID` for what is no lock file, or one of a later version of the package. */
export function readLock(text: string): LockFile {
  let lock: unknown
  try {
    lock = JSON.parse(text)
  } catch (cause) {
    throw new SagaError(
      'OPTION_INVALID',
      'The lock file is not JSON. Restore it, or delete it and write it anew: pg-saga check --write.',
      {
        cause,
      },
    )
  }
  const { format, definitions } = (lock ?? {}) as Partial<LockFile>
  if (format !== FORMAT || typeof definitions !== 'object' || definitions === null) {
    throw new SagaError(
      'OPTION_INVALID',
      `The lock file has the format ${JSON.stringify(format)}, and this version of pg-saga knows ${FORMAT}. Delete it and write it anew: pg-saga check --write.`,
    )
  }
  return { format, definitions }
}

/** What has changed since the lock file was written, in the order of the names. */
export function changesSince(lock: LockFile, definitions: readonly Definition[]): readonly LockChange[] {
  const now = lockOf(definitions).definitions
  const names = [...new Set([...Object.keys(lock.definitions), ...Object.keys(now)])].toSorted()
  return names.flatMap((name): readonly LockChange[] => {
    const [was, is] = [lock.definitions[name], now[name]]
    const [definition = '', version] = name.split('@')
    const about = { definition, version: Number(version) }
    if (was === undefined) return [{ ...about, change: 'added' }]
    if (is === undefined) return [{ ...about, change: 'removed' }]
    if (hashBlueprint(was) === hashBlueprint(is)) return []
    return [
      { ...about, change: 'changed', isRename: namesIn(was, is) !== undefined, differences: differences(was, is) },
    ]
  })
}
