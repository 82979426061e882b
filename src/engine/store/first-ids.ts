/** Ids are in the order of their moments: which is the smallest that can have been made from a moment on. */

const LAST_MS = 2 ** 48 - 1

/** @param ms since 1970; what no id can have is brought to the nearest that one can. */
export function firstIdAt(ms: number): string {
  const hex = Math.min(Math.max(0, ms), LAST_MS).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

/** The same in SQL. @param moment an expression. */
export function firstIdSql(moment: string): string {
  const hex = `lpad(to_hex(floor(extract(epoch from ${moment}) * 1000)::bigint), 12, '0')`
  return `(substr(${hex}, 1, 8) || '-' || substr(${hex}, 9, 4) || '-0000-0000-000000000000')::uuid`
}
