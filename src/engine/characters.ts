/**
 * Characters as Postgres counts them: whole ones. JavaScript counts two for an emoji, so that lengths of the two kinds must
 * never be compared.
 */

/** How many there are in the text. */
export function charactersIn(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at = after(text, at)) count += 1
  return count
}

/** As many of the first ones; none is cut in half. */
export function firstCharacters(text: string, most: number): string {
  if (text.length <= most) return text
  let at = 0
  for (let count = 0; count < most && at < text.length; count += 1) at = after(text, at)
  return text.slice(0, at)
}

function after(text: string, at: number): number {
  return at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)
}
