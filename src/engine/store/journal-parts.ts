/**
 * Reading parts of a journal, each with an end: what a page shows of a saga, however long its history is. Payloads are read
 * by themselves, as the text that they are: a number that JavaScript cannot hold stays what it is.
 */
import { type EventColumns, unpackEvents } from './codec.ts'
import type { Db } from './db.ts'
import type { JournalEntry } from './journal.ts'

/** An event without its payload. */
export type JournalLine = Omit<JournalEntry, 'payload'> & {
  readonly hasPayload: boolean
  /** How long the function of an attempt ran; `null` where none did, and of attempts of earlier releases. */
  readonly ranMs: number | null
}

/** When the first and the last event of a map's items came, on one side of them. */
export type ItemSpan = {
  readonly map: string
  readonly side: 'action' | 'compensation' | 'verify'
  readonly from: Date
  readonly to: Date
  readonly events: number
}

type LineRow = EventColumns & Omit<JournalLine, 'event'>

const COLUMNS = `e.sequence, e.at, e.type, e.step, e.side, e.attempt, e.data, e.payload is not null as "hasPayload", e.worker, e.build,
  e.ran_ms as "ranMs"`

/**
 * The newest events before `before`, in order.
 *
 * @param limit rows at most. A row holds the attempts that its event has led to as well, so that there can be more events.
 * Index: the journal's primary key, one range of `limit` rows.
 */
export async function readLines(
  db: Db,
  schema: string,
  id: string,
  { before, limit }: { readonly before: number; readonly limit: number },
): Promise<readonly JournalLine[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_event e where e.saga_id = $1::uuid and e.sequence < $2::int
     order by e.sequence desc limit $3::int`,
    [id, before, limit],
  )
  // A row that begins before `before` can hold events from there on: they were on the page before this one.
  return linesOf(rows as unknown as LineRow[]).filter(({ sequence }) => sequence < before)
}

/**
 * What happened to the saga itself and to the steps of its definition, the newest part of it, in order. The items of maps
 * are left out, but for those that are named.
 *
 * Index: the journal's primary key, the range of the saga as far as it takes to find `limit` rows.
 */
export async function readOutline(
  db: Db,
  schema: string,
  id: string,
  { items, limit }: { readonly items: readonly string[]; readonly limit: number },
): Promise<readonly JournalLine[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_event e
     where e.saga_id = $1::uuid and (e.step is null or right(e.step, 1) <> ']' or e.step = any($2::text[])
       or e.data @? '$.scheduled[*] ? (!(@.step like_regex "]$"))')
     order by e.sequence desc limit $3::int`,
    [id, items, limit],
  )
  return linesOf(rows as unknown as LineRow[]).filter(({ event }) => {
    return !('step' in event) || event.step?.endsWith(']') !== true || items.includes(event.step)
  })
}

/** Index: the journal's primary key, the range of the saga. */
export async function readItemSpans(db: Db, schema: string, id: string): Promise<readonly ItemSpan[]> {
  const { rows } = await db.executeSql(
    `select split_part(e.step, '[', 1) as map, coalesce(e.side, 'action') as side, min(e.at) as from, max(e.at) as to,
       count(*)::int as events
     from ${schema}.saga_event e where e.saga_id = $1::uuid and right(e.step, 1) = ']' group by 1, 2 order by 1, 2`,
    [id],
  )
  return rows as unknown as ItemSpan[]
}

/** A stored payload, or the beginning of it. */
export type StoredPayload = {
  readonly sequence: number
  readonly type: string
  readonly step: string | null
  readonly side: string | null
  /** Of the whole of it, as Postgres counts them: an emoji is one, and two in JavaScript's `length`. */
  readonly characters: number
  readonly text: string
}

/** Index: the journal's primary key, a probe for each. */
export async function readPayloadTexts(
  db: Db,
  schema: string,
  id: string,
  sequences: readonly number[],
  maxCharacters: number,
): Promise<readonly StoredPayload[]> {
  if (sequences.length === 0) return []
  const { rows } = await db.executeSql(
    `select e.sequence, e.type, e.step, e.side, length(e.payload::text) as characters,
       left(e.payload::text, $3::int) as text
     from ${schema}.saga_event e
     where e.saga_id = $1::uuid and e.sequence = any($2::int[]) and e.payload is not null order by e.sequence`,
    [id, sequences, maxCharacters],
  )
  return rows as unknown as StoredPayload[]
}

/** Where the results of these steps stand: the last one of each. Index: the journal's primary key, the range of the saga. */
export async function readResultSequences(
  db: Db,
  schema: string,
  id: string,
  steps: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.executeSql(
    `select e.step, max(e.sequence) as sequence from ${schema}.saga_event e
     where e.saga_id = $1::uuid and e.step = any($2::text[]) and e.payload is not null
       and e.type in ('step_completed', 'step_verified', 'step_settled_by_hand')
     group by e.step`,
    [id, steps],
  )
  return new Map(rows.map(({ step, sequence }) => [String(step), Number(sequence)]))
}

/** Worker, build and payload are the first one's: attempts that were scheduled with it have none yet. */
function linesOf(newestFirst: readonly LineRow[]): readonly JournalLine[] {
  return newestFirst.toReversed().flatMap((row) => {
    const { sequence, at, hasPayload, worker, build, ranMs } = row
    return unpackEvents(row).map((event, position) =>
      position === 0
        ? { sequence, at, event, hasPayload, worker, build, ranMs }
        : { sequence: sequence + position, at, event, hasPayload: false, worker: null, build: null, ranMs: null },
    )
  })
}
