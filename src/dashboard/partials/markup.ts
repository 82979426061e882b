/**
 * Markup is written with hono's tagged template, which escapes every value that is text. Only text, numbers and other
 * markup go into it: never an object from outside, which could claim to be escaped already.
 */
import { html } from 'hono/html'

export { html }

export type Markup = ReturnType<typeof html>

export const NOTHING: Markup = html``

/** Markup for each, or nothing. */
export function when(condition: boolean, markup: () => Markup): Markup {
  return condition ? markup() : NOTHING
}

/** At most so many characters, with an ellipsis where something is cut; never half a character. */
export function clip(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1).toWellFormed()}…`
}

/** `1 step`, `2 steps`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/**
 * A link below the dashboard's base path, whose own page is `/`. Parameters that are undefined or empty are left out.
 */
export function url(base: string, path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]))
  const search = new URLSearchParams(pairs).toString()
  const to = path === '/' && base !== '' ? base : `${base}${path}`
  return `${to}${search === '' ? '' : `?${search}`}`
}
