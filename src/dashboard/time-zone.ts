/** The time zone that a page is written in. Sentences say times too, so it goes along with the request and not by hand. */
import { AsyncLocalStorage } from 'node:async_hooks'

const UTC = 'UTC'
const zones = new AsyncLocalStorage<TimeZone>()

/** Writes moments as people in one zone do. */
export class TimeZone {
  /** As IANA calls it: `Europe/Berlin`. */
  readonly name: string
  readonly #format: Intl.DateTimeFormat

  /** @throws RangeError for a name that is none. */
  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'shortOffset',
    })
  }

  /** `2026-11-21 15:03:12`, and `UTC`, `GMT+1`. */
  written(at: Date): { readonly text: string; readonly offset: string } {
    if (this.name === UTC) return { text: at.toISOString().slice(0, 19).replace('T', ' '), offset: UTC }
    const parts = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, value]))
    const { year, month, day, hour, minute, second, timeZoneName = '' } = parts
    return { text: `${year}-${month}-${day} ${hour}:${minute}:${second}`, offset: timeZoneName }
  }
}

const DEFAULT = new TimeZone(UTC)

/** Whatever is written in there is written in this zone. */
export function inTimeZone<T>(zone: TimeZone, write: () => T): T {
  return zones.run(zone, write)
}

export function timeZone(): TimeZone {
  return zones.getStore() ?? DEFAULT
}
