/** Sagas by how their keys begin, as the index `saga_key` has them: byte by byte, whatever the database's collation. */
import { keyedDefinitions } from './definition-names.ts'

/** @param add puts a value among those of the statement; @returns how it is named there. */
export function beginsWith(prefix: string, add: (value: unknown) => string): string[] {
  const behind = behindAll(prefix)
  return [
    `s.key ~>=~ ${add(prefix)}::text`,
    ...(behind === undefined ? [] : [`s.key ~<~ ${add(behind)}::text`]),
    's.key is not null',
  ]
}

/**
 * A statement for the ids of sagas whose keys begin so, in no order, and no more than `most`. Index: `saga_key`.
 *
 * @param add as above.
 */
export function idsByKeyPrefix(
  schema: string,
  { keyPrefix, definition }: { readonly keyPrefix: string; readonly definition?: string },
  most: number,
  add: (value: unknown) => string,
): string {
  const names = definition === undefined ? keyedDefinitions(schema) : `select ${add(definition)}::text`
  const limit = `${add(most)}::int`
  // In the order of the index, which leads to it.
  return `select k.id from (${names}) d(name) cross join lateral (
      select s.id from ${schema}.saga s where s.definition = d.name and ${beginsWith(keyPrefix, add).join(' and ')}
      order by s.key using ~<~ limit ${limit}) k limit ${limit}`
}

/** The first text, byte by byte, behind all that begin with this one; `undefined` when there is none. */
function behindAll(prefix: string): string | undefined {
  // Code points, as they are stored, are what counts here.
  // oxlint-disable-next-line no-misused-spread
  const characters = [...prefix]
  while (characters.length > 0) {
    const last = characters.pop()?.codePointAt(0) ?? 0
    // The code points between are halves of others, and no text has them.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    if (next <= 0x10ffff) return characters.join('') + String.fromCodePoint(next)
  }
  return undefined
}
