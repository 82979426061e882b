/** Tables as CSV (RFC 4180), which spreadsheets open: what stands in a cell is never taken for a formula. */

const LINE_END = '\r\n'

/** @param rows moments as `Date`; what is neither text nor a number, as JSON. */
export function csv(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return [columns, ...rows].map(csvLine).join('')
}

export function csvLine(values: readonly unknown[]): string {
  return `${values.map(cell).join(',')}${LINE_END}`
}

/** Spreadsheets compute what begins with one of these, also behind blanks. */
const FORMULA = /^\s*[=+\-@\t\r]/

/** Where commas are for decimals, spreadsheets cut at these whatever the quotes say: then a formula begins behind one. */
const BEHIND_A_CUT = /([;\t\r\n][\s"]*)(?=[=+\-@])/g

/** Also for those that cut elsewhere than at commas. */
const TO_QUOTE = /[",;\t\r\n]|^\s|\s$/

/** What a spreadsheet would take for a formula is prefixed: a key, a reason or an error is anybody's text. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  // A number of ours is none of anybody's.
  if (typeof value === 'number') return String(value)
  const text =
    value instanceof Date ? value.toISOString() : typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  const safe = (FORMULA.test(text) ? `'${text}` : text).replaceAll(BEHIND_A_CUT, "$1'")
  return TO_QUOTE.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
