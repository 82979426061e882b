/** JSON as it comes in: refused where a number in it would not be kept as it was sent. */

/** Of a number that `readJson` refuses. */
export const NOT_KEPT = 'a number in it has more digits than can be kept; send it as text'

/** @throws SyntaxError for what is no JSON, RangeError for a whole number that would be rounded. */
export function readJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value === 'number' && !isKept(value, context?.source)) {
      throw new RangeError(NOT_KEPT)
    }
    return value
  })
}

/** Before Node 21 the text of a number is not known: then what is beyond the exact range is refused. */
function isKept(value: number, source: string | undefined): boolean {
  if (!Number.isFinite(value)) return false
  if (Number.isSafeInteger(value) || !Number.isInteger(value)) return true
  if (source === undefined) return false
  return /^-?\d+$/.test(source) ? BigInt(source) === BigInt(value) : true
}
