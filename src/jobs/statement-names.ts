/**
 * Names for statements that are sent again and again, so that the server parses and plans each once a session: a tenth of
 * what it does for a saga otherwise. Not where the session is one of a pooler's, which does not know the names.
 */

/** Ours are a few dozen, with the sizes of fetches. Whatever makes up new ones all the time goes without. */
const MOST = 200

const names = new Map<string, string>()

/** The same text has the same name in each session; `undefined` for a text too many. */
export function statementName(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size >= MOST) return known
  const name = `pg-saga ${names.size + 1}`
  names.set(text, name)
  return name
}
