/** Texts of others as words of a command line: pasted into a terminal, they are what they are, and nothing else. */

/** What a terminal would take for a key that was pressed, or would draw in another order than it stands there. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/u
const EACH_UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** For sh, bash and zsh; what cannot be printed for the latter two. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word) && !word.startsWith('-')) return word
  if (!UNPRINTABLE.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`
  const escaped = word.replaceAll(/[\\']/g, '\\$&').replaceAll(EACH_UNPRINTABLE, (character) => {
    return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`
  })
  return `$'${escaped}'`
}
