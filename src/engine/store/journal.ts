/** Reading the journal: payloads for the next step, and whole histories. */
import type { SagaEvent } from '../core/events.ts'
import { type EventColumns, unpackEvent } from './codec.ts'
import type { Db } from './db.ts'

/** What steps are given: the input, and the results so far by step, as JSON text. */
export type Payloads = { readonly input: string; readonly results: { readonly [step: string]: string } }

/** Events read at once. */
const PAGE = 10_000

const WITH_PAYLOAD = `('saga_started', 'step_completed', 'step_verified', 'late_report')`

/** Index: the journal's primary key, one range a saga. */
export async function readPayloads(
  db: Db,
  schema: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Payloads>> {
  const { rows } = await db.executeSql(
    `select e.saga_id as id, e.step, e.payload::text as payload, e.type = 'late_report' as late
     from ${schema}.saga_event e
     where e.saga_id = any($1::uuid[]) and e.payload is not null and e.type in ${WITH_PAYLOAD}
     order by e.saga_id, e.sequence`,
    [ids],
  )
  const found = new Map<string, { input: string; results: Record<string, string> }>()
  for (const { id, step, payload, late } of rows as PayloadRow[]) {
    let payloads = found.get(id)
    if (payloads === undefined) {
      payloads = { input: 'null', results: {} }
      found.set(id, payloads)
    }
    if (step === null) payloads.input = payload
    // What others have acted on stays the result, whatever another attempt says later.
    else if (late !== true || payloads.results[step] === undefined) payloads.results[step] = payload
  }
  return found
}

type PayloadRow = {
  readonly id: string
  readonly step: string | null
  readonly payload: string
  readonly late: boolean
}

export type JournalEntry = {
  readonly sequence: number
  readonly at: Date
  readonly event: SagaEvent
  /** The input, or a step's result, which can be `null`; `undefined` where there is none. */
  readonly payload: unknown
  readonly worker: string | null
  /** The build of the worker that ran the attempt: the engine's option of that name. */
  readonly build: string | null
}

/** All of a saga's events after `after`, in order. Index: the journal's primary key. */
export async function readJournal(db: Db, schema: string, id: string, after = 0): Promise<readonly JournalEntry[]> {
  const entries: JournalEntry[] = []
  for (;;) {
    const page = await readPage(db, schema, id, entries.at(-1)?.sequence ?? after)
    entries.push(...page)
    if (page.length < PAGE) return entries
  }
}

async function readPage(db: Db, schema: string, id: string, after: number): Promise<readonly JournalEntry[]> {
  const { rows } = await db.executeSql(
    `select e.sequence, e.at, e.type, e.step, e.side, e.attempt, e.data, e.payload, e.payload is not null as "hasPayload", e.worker,
       e.build
     from ${schema}.saga_event e where e.saga_id = $1::uuid and e.sequence > $2::int order by e.sequence limit ${PAGE}`,
    [id, after],
  )
  return (rows as unknown as (EventColumns & Omit<JournalEntry, 'event'> & { readonly hasPayload: boolean })[]).map(
    (row) => ({
      sequence: row.sequence,
      at: row.at,
      event: unpackEvent(row),
      payload: row.hasPayload ? row.payload : undefined,
      worker: row.worker,
      build: row.build,
    }),
  )
}

/** The event that a request left behind, for a repeated one. Index: `saga_event_request`. */
export async function readRequest(
  db: Db,
  schema: string,
  id: string,
  requestId: string,
): Promise<SagaEvent | undefined> {
  const { rows } = await db.executeSql(
    `select e.type, e.step, e.side, e.attempt, e.data from ${schema}.saga_event e where e.saga_id = $1::uuid and e.request_id = $2::text`,
    [id, requestId],
  )
  return rows[0] === undefined ? undefined : unpackEvent(rows[0] as unknown as EventColumns)
}
