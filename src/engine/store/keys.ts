/** Sagas by how their keys begin, as the index `saga_key` has them: byte by byte, whatever the database's collation. */
import type { Db } from './db.ts'
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
 * Those whose keys begin so, in no order.
 *
 * @returns `undefined` where there are more than `most`. Index: `saga_key`.
 */
export async function idsByKeyPrefix(
  db: Db,
  schema: string,
  { keyPrefix, definition }: { readonly keyPrefix: string; readonly definition?: string },
  most: number,
): Promise<readonly string[] | undefined> {
  const values: unknown[] = []
  const add = (value: unknown) => `$${values.push(value)}`
  const names = definition === undefined ? keyedDefinitions(schema) : `select ${add(definition)}::text`
  const limit = `${add(most + 1)}::int`
  // In the order of the index, which leads to it.
  const { rows } = await db.executeSql(
    `select k.id from (${names}) d(name) cross join lateral (
       select s.id from ${schema}.saga s where s.definition = d.name and ${beginsWith(keyPrefix, add).join(' and ')}
       order by s.key using ~<~ limit ${limit}) k limit ${limit}`,
    values,
  )
  return rows.length > most ? undefined : rows.map(({ id }) => String(id))
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
