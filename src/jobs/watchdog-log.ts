/** What the watchdog writes into the log of maintenance: each time that it found something, and once an hour that it looked. */
import { newId } from '../engine/runtime/ids.ts'
import type { Db } from '../engine/store/db.ts'
import { addEntry } from '../engine/store/maintenance-log.ts'
import type { Lacking } from './lacking.ts'
import type { WatchdogReport } from './watchdog.ts'

const AT_LEAST_EVERY_MS = 60 * 60 * 1_000
const NAMED = 100

export class WatchdogLog {
  readonly #db: Db
  readonly #schema: string
  #writtenAt = Number.NEGATIVE_INFINITY

  constructor(db: Db, schema: string) {
    this.#db = db
    this.#schema = schema
  }

  /** @param worker its id. @throws what the database does. */
  async write(worker: string, { sagas, mended, left }: WatchdogReport): Promise<void> {
    const found = mended.length + left.length
    const now = performance.now()
    if (found === 0 && now - this.#writtenAt < AT_LEAST_EVERY_MS) return
    const outcome = {
      sagas,
      mended: mended.length,
      left: left.length,
      what: countsOf([...mended, ...left]),
      first: [...new Set([...mended, ...left].slice(0, NAMED).map(({ sagaId }) => sagaId))],
    }
    await addEntry(this.#db, this.#schema, { id: newId(), duty: 'watchdog', by: `worker ${worker}`, outcome })
    this.#writtenAt = now
  }
}

export function countsOf(lacking: readonly Lacking[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { what } of lacking) counts[what] = (counts[what] ?? 0) + 1
  return counts
}
