/** Reading the journal: payloads for the next step, and whole histories. */
import type { SagaEvent, SagaEventType } from '../core/events.ts'
import { type EventColumns, unpackEvents } from './codec.ts'
import { askPrepared, type Db } from './db.ts'

/** What steps are given, as JSON text. */
export type Payloads = {
  readonly input: string
  /** By step. Those of a map's items are here only where somebody has asked for them. */
  readonly results: { readonly [step: string]: string }
  /** The lists that maps go over. */
  readonly lists?: { readonly [map: string]: string }
  /** Maps that are done, and whose items' results are all here. */
  readonly wholeMaps?: readonly string[]
  /** How far attempts had come, by step and side: the last word of each. */
  readonly checkpoints?: { readonly [function_: string]: string }
}

/** Whose items' results are wanted: of all maps of these sagas, and of these items. */
export type WantedItems = { readonly sagas: readonly string[]; readonly steps: readonly string[] }

const NO_ITEMS: WantedItems = { sagas: [], steps: [] }
const PAGE = 10_000

/** What an attempt, or a person, has said is stored with an event of one of these types. */
export const PAYLOAD_EVENTS: readonly SagaEventType[] = [
  'step_completed',
  'step_verified',
  'map_started',
  'step_checkpointed',
  'step_settled_by_hand',
  'input_edited',
]

const WITH_PAYLOAD = `(${['saga_started', 'late_report', ...PAYLOAD_EVENTS].map((type) => `'${type}'`).join(', ')})`

/** What a function of a step has said of its progress is found under this name. */
export function checkpointName(step: string, side: string): string {
  return `${step}:${side}`
}

/**
 * Input and results. The results of ten thousand items are left out, unless somebody is to see them.
 *
 * Index: the journal's primary key, one range a saga.
 */
export async function readPayloads(
  db: Db,
  schema: string,
  ids: readonly string[],
  items: WantedItems = NO_ITEMS,
): Promise<ReadonlyMap<string, Payloads>> {
  const { rows } = await askPrepared(
    db,
    `select e.saga_id as id, e.type, e.step, e.side, e.payload::text as payload
     from ${schema}.saga_event e
     where e.saga_id = any($1::uuid[]) and e.payload is not null and e.type in ${WITH_PAYLOAD}
       and (e.step is null or right(e.step, 1) <> ']' or e.saga_id = any($2::uuid[]) or e.step = any($3::text[]))
     order by e.saga_id, e.sequence`,
    [ids, items.sagas, items.steps],
  )
  const found = new Map<string, Found>()
  for (const row of rows as PayloadRow[]) {
    let payloads = found.get(row.id)
    if (payloads === undefined) {
      payloads = { input: 'null', results: {} }
      found.set(row.id, payloads)
    }
    addPayload(payloads, row)
  }
  return found
}

type Found = {
  input: string
  results: Record<string, string>
  lists?: Record<string, string>
  checkpoints?: Record<string, string>
}

function addPayload(payloads: Found, { type, step, side, payload }: PayloadRow): void {
  // The input, and what it was edited to.
  if (step === null) payloads.input = payload
  else if (type === 'map_started') payloads.lists = { ...payloads.lists, [step]: payload }
  else if (type === 'step_checkpointed') {
    payloads.checkpoints = { ...payloads.checkpoints, [checkpointName(step, side ?? 'action')]: payload }
  }
  // What others have acted on stays the result, whatever another attempt says later.
  else if (type !== 'late_report' || payloads.results[step] === undefined) payloads.results[step] = payload
}

type PayloadRow = {
  readonly id: string
  readonly type: string
  readonly step: string | null
  readonly side: string | null
  readonly payload: string
}

export type JournalEntry = {
  readonly sequence: number
  readonly at: Date
  readonly event: SagaEvent
  /** The input, or a step's result, which can be `null`; `undefined` where there is none, `Unreadable` where it cannot be shown. */
  readonly payload: unknown
  readonly worker: string | null
  /** The build of the worker that ran the attempt: the engine's option of that name. */
  readonly build: string | null
}

/** Of an event, what it says and when. */
export type JournalMoment = Pick<JournalEntry, 'sequence' | 'at' | 'event'>

/** All of a saga's events after `after`, in order. Index: the journal's primary key. */
export async function readJournal(db: Db, schema: string, id: string, after = 0): Promise<readonly JournalEntry[]> {
  const entries: JournalEntry[] = []
  for (;;) {
    const from = entries.at(-1)?.sequence ?? after
    const rows = await readPage(db, schema, id, from)
    for (const row of rows) entries.push(...entriesOf(row).filter(({ sequence }) => sequence > from))
    if (rows.length < PAGE) return entries
  }
}

type JournalRow = EventColumns & Omit<JournalEntry, 'event'> & { readonly hasPayload: boolean }

/** From the row on in which `after` stands: there may be more in it. */
async function readPage(db: Db, schema: string, id: string, after: number): Promise<readonly JournalRow[]> {
  const { rows } = await db.executeSql(
    `select e.sequence, e.at, e.type, e.step, e.side, e.attempt, e.data, e.payload, e.payload is not null as "hasPayload", e.worker,
       e.build
     from ${schema}.saga_event e
     where e.saga_id = $1::uuid and e.sequence >= coalesce((
       select f.sequence from ${schema}.saga_event f
       where f.saga_id = $1::uuid and f.sequence <= $2::int order by f.sequence desc limit 1), 0)
     order by e.sequence limit ${PAGE}`,
    [id, after],
  )
  return rows as unknown as JournalRow[]
}

/** Payload, worker and build are the first one's: attempts that were scheduled with it have none yet. */
function entriesOf(row: JournalRow): readonly JournalEntry[] {
  const { sequence, at, worker, build } = row
  return unpackEvents(row).map((event, position) =>
    position === 0
      ? { sequence, at, event, payload: row.hasPayload ? row.payload : undefined, worker, build }
      : { sequence: sequence + position, at, event, payload: undefined, worker: null, build: null },
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
  return rows[0] === undefined ? undefined : unpackEvents(rows[0] as unknown as EventColumns)[0]
}
