/** The audit: who did what and why, over all sagas and beside them, and what people were refused. */
import { type Action, type Authorize, CODE_MAY, type Target } from './access.ts'
import { checkMoment, checkPageSize, checkText, invalidFilter } from './filter.ts'
import { isId, newId } from './runtime/ids.ts'
import type { Logger } from './runtime/ports.ts'
import {
  type AuditEntry,
  type AuditFilter,
  type AuditPlace,
  type AuditRows,
  readEventActs,
  readOtherActs,
  recordDenied,
} from './store/audit.ts'
import type { Db } from './store/db.ts'

export type AuditPage = {
  /** The newest first. */
  readonly entries: readonly AuditEntry[]
  /**
   * Hand it back for what is older; absent where nothing is. There can be fewer entries than were asked for, even none,
   * and more behind them: so many acts were looked through that did not fit.
   */
  readonly cursor?: string
}

export type AuditParts = { readonly db: Db; readonly schema: string; readonly logger: Logger }

const MAX_CHARACTERS = 200
const CURSOR = /^(\d{1,15})\.([0-9a-f-]{36})\.(\d{1,9})$/
const PARTS: { readonly [part in keyof Required<AuditFilter>]: true } = {
  actor: true,
  action: true,
  definition: true,
  sagaId: true,
  errorGroup: true,
  from: true,
  to: true,
  deniedOnly: true,
}

export class Audit {
  readonly #parts: AuditParts

  constructor(parts: AuditParts) {
    this.#parts = parts
  }

  /**
   * What people did, and programs for them: acts on sagas, operations, holds, maintenance by hand, what was made of error
   * groups, orders by SQL; and what they were refused for want of a right. The newest first. What an operation orders of
   * each saga is left out, but where one saga is asked for: the operation stands for it.
   *
   * @throws SagaError `FILTER_INVALID` for a filter, page size (1 to 1000) or cursor that cannot be.
   */
  async list(
    filter: AuditFilter = {},
    page: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<AuditPage> {
    const { limit = 50, cursor } = page
    checkFilter(filter)
    checkPageSize(limit)
    const after = cursor === undefined ? undefined : placeOf(cursor)
    const { db, schema } = this.#parts
    const part = { limit, ...(after === undefined ? {} : { after }) }
    const sources = [await readEventActs(db, schema, filter, part), await readOtherActs(db, schema, filter, part)]
    return merged(sources, limit)
  }

  /**
   * Writes down that somebody was refused an act for want of a right, for programs that ask themselves who may what. What
   * the engine's `authorize` refuses is written down by the engine. Reading is no act.
   *
   * @param denied of one actor, 20 different ones a minute are kept, and how many there were beyond that; 90 days long.
   */
  async denied(denied: { readonly actor: string; readonly action: Action; readonly target?: Target }): Promise<void> {
    const { actor, action, target = {} } = denied
    await note(this.#parts, actor, action, target)
  }
}

/** As it is asked, and what it refuses is written down. What cannot be written down is refused all the same. */
export function notingDenied(authorize: Authorize | undefined, parts: AuditParts): Authorize {
  if (authorize === undefined) return CODE_MAY
  return async (actor, action, target) => {
    let isAllowed = false
    try {
      isAllowed = await authorize(actor, action, target)
      return isAllowed
    } finally {
      if (!isAllowed) {
        await note(parts, actor, action, target).catch((error: unknown) => {
          parts.logger.warn({ actor, action, error: String(error) }, 'what was refused could not be written down')
        })
      }
    }
  }
}

/** On a connection of our own: it stays when the caller's transaction is rolled back. */
async function note({ db, schema }: AuditParts, actor: string, action: Action, target: Target): Promise<void> {
  if (action === 'read') return
  const { definition, sagaId, step, operationId, verb, pastPivot, errorGroup } = target
  await recordDenied(db, schema, {
    id: newId(),
    actor: storable(actor),
    action: storable(action),
    ...(definition === undefined ? {} : { definition: storable(definition) }),
    ...(isId(sagaId) ? { sagaId } : {}),
    ...(errorGroup === undefined ? {} : { errorGroup: storable(errorGroup) }),
    about: {
      ...(step === undefined ? {} : { step: storable(step) }),
      ...(operationId === undefined ? {} : { operationId: storable(operationId) }),
      ...(verb === undefined ? {} : { verb: storable(verb) }),
      ...(pastPivot === true ? { pastPivot } : {}),
    },
  })
}

/** Names may come over the wire, as anything. */
function storable(text: string): string {
  return String(text).replaceAll('\u0000', '').slice(0, MAX_CHARACTERS).toWellFormed()
}

/** What both have looked through, in one order. */
function merged(sources: readonly AuditRows[], limit: number): AuditPage {
  // Behind where one of them stopped, the other may have what comes later than what is not known.
  const stop = sources.flatMap(({ stoppedAt }) => stoppedAt ?? []).toSorted(newestFirst)[0]
  // What clean-up moved from the one to the other between the two questions, both have.
  const all = sources
    .flatMap(({ entries }) => entries)
    .toSorted(newestFirst)
    .filter((entry, at, sorted) => at === 0 || newestFirst(sorted[at - 1] ?? entry, entry) !== 0)
  const known = stop === undefined ? all : all.filter((entry) => newestFirst(entry, stop) <= 0)
  const entries = known.slice(0, limit)
  const last = known.length > limit ? entries.at(-1) : stop
  return { entries, ...(last === undefined ? {} : { cursor: cursorOf(last) }) }
}

function newestFirst(a: AuditPlace, b: AuditPlace): number {
  const byTime = b.at.getTime() - a.at.getTime()
  if (byTime !== 0) return byTime
  return a.id === b.id ? b.sequence - a.sequence : a.id < b.id ? 1 : -1
}

function cursorOf({ at, id, sequence }: AuditPlace): string {
  return `${at.getTime()}.${id}.${sequence}`
}

function placeOf(cursor: string): AuditPlace {
  const [, ms, id, sequence] = CURSOR.exec(cursor) ?? []
  const at = new Date(Number(ms))
  if (!isId(id) || Number.isNaN(at.getTime())) throw invalidFilter('cursor is what list() returned')
  return { at, id, sequence: Number(sequence) }
}

function checkFilter(filter: AuditFilter): void {
  const unknown = Object.keys(filter).find((part) => !(part in PARTS))
  if (unknown !== undefined) throw invalidFilter(`a filter of the audit has no part called ${unknown}`)
  const { actor, action, definition, sagaId, errorGroup, from, to, deniedOnly } = filter
  for (const [name, value] of Object.entries({ actor, action, definition, errorGroup })) checkText(name, value)
  if (sagaId !== undefined && !isId(sagaId)) throw invalidFilter('sagaId is the id of a saga')
  for (const [name, value] of Object.entries({ from, to })) checkMoment(name, value)
  if (deniedOnly !== undefined && typeof deniedOnly !== 'boolean') throw invalidFilter('deniedOnly is true or false')
}
