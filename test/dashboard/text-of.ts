/** Markup as the text that is sent. */
import type { Markup } from '../../src/dashboard/partials/markup.ts'

export function textOf(markup: Markup): string {
  if (markup instanceof Promise) throw new Error('It is not there yet.')
  return markup.toString()
}
