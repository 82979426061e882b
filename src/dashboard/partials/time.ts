/** Moments: relative where people compare, exact where they look closely; always both for who asks. */
import { timeZone } from '../time-zone.ts'
import { html, type Markup } from './markup.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** In the page's time zone, which is named, to the second. */
export function exact(at: Date): string {
  const { text, offset } = timeZone().written(at)
  return `${text} ${offset}`
}

/** In the page's time zone, which is named, where seconds would be in the way. */
export function toTheMinute(at: Date): string {
  const { text, offset } = timeZone().written(at)
  return `${text.slice(0, 16)} ${offset}`
}

/** In the page's time zone, for the order of events. */
export function toTheMillisecond(at: Date): string {
  return `${timeZone().written(at).text}.${at.toISOString().slice(20, 23)}`
}

/** Beside times that do not name their zone. */
export function zoneNote(): string {
  return `times in ${timeZone().name}`
}

/** A moment of a history, to the millisecond, for machines too. @param at in ms. */
export function exactly(at: number): Markup {
  const moment = new Date(at)
  return html`<time datetime="${moment.toISOString()}">${toTheMillisecond(moment)}</time>`
}

/** Never finer than a minute, so that a page without news stays the same page from one poll to the next. */
export function relative(at: Date, now: number): string {
  const ms = now - at.getTime()
  const past = ms >= 0
  const size = Math.abs(ms)
  const words = (amount: number, unit: string) => (past ? `${amount} ${unit} ago` : `in ${amount} ${unit}`)
  if (size < MINUTE) return past ? 'just now' : 'in a moment'
  if (size < HOUR) return words(Math.floor(size / MINUTE), 'min')
  if (size < 2 * DAY) return words(Math.floor(size / HOUR), 'h')
  return words(Math.floor(size / DAY), 'days')
}

export function ago(at: Date, now: number): Markup {
  return html`<time datetime="${at.toISOString()}" title="${exact(at)}">${relative(at, now)}</time>`
}

export function moment(at: Date, now: number): Markup {
  return html`<time datetime="${at.toISOString()}">${exact(at)}</time> <span class="muted">${relative(at, now)}</span>`
}

/** `340 ms`, `12 s`, `3 min`, `2 h`, `5 days`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 2 * MINUTE) return `${Math.round(ms / 1_000)} s`
  if (ms < 2 * HOUR) return `${Math.round(ms / MINUTE)} min`
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`
  return `${Math.round(ms / DAY)} days`
}

/** How long something has lasted: not finer than it matters, so that a page without news stays the same page. */
export function age(ms: number): string {
  return ms < MINUTE ? 'less than a minute' : span(ms)
}
