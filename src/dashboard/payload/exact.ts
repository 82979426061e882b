/** JSON with its numbers as they were written: 12345678901234567890 is an order's number, and not 12345678901234567000. */

/** A number that JavaScript would change. */
export class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** As it was written, wherever it is written again. */
  toJSON(): unknown {
    return (JSON as unknown as RawJson).rawJSON(this.text)
  }
}

/** A payload that could not be parsed: what stands there, as text. */
export class Unparsed {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toJSON(): string {
    return this.text
  }
}

type WithSource = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown

/**
 * The value, in which numbers that would be changed are `ExactNumber`.
 *
 * @throws SyntaxError
 */
export function parseExactly(json: string): unknown {
  const revive: WithSource = (_key, value, { source }) => {
    return typeof value === 'number' && source !== undefined && String(value) !== source
      ? new ExactNumber(source)
      : value
  }
  return JSON.parse(json, revive as (this: unknown, key: string, value: unknown) => unknown)
}

type RawJson = { readonly rawJSON: (text: string) => unknown }

/** The inverse, with an indent of two. */
export function writeExactly(value: unknown): string {
  const { rawJSON } = JSON as unknown as RawJson
  const written = JSON.stringify(
    value,
    (_key, part: unknown) => {
      return typeof part === 'bigint' ? rawJSON(String(part)) : part
    },
    2,
  ) as string | undefined
  return written ?? 'null'
}
