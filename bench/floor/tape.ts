/**
 * What the floor writes, taken from a recording of the product: the rows of one saga, transition by transition, with
 * places for ids. Nothing is decided here.
 */
import type { RecordedRow, Recording } from './record.ts'

/** JSON with places for the saga's id and those of the jobs that the same transition inserts. */
export type Template = { readonly texts: readonly string[]; readonly places: readonly Place[] }
/** `saga`, or the position of a job among those that the transition inserts. */
export type Place = 'saga' | number

export type TapeEvent = {
  readonly sequence: number
  readonly type: string
  readonly step: string | null
  readonly side: string | null
  readonly attempt: number | null
  readonly data: Template | null
  readonly payload: string | null
  /** Somebody ran it, and is named. */
  readonly isWorkers: boolean
}

export type TapeJob = {
  /** How the floor knows it again when it is fetched. */
  readonly name: string
  readonly priority: number
  readonly expireSeconds: number
  readonly data: Template
}

export type TapeTransition = {
  /** The jobs that are settled with it: all of them have to have run. */
  readonly settles: readonly string[]
  readonly status: string
  /** The revision that it begins from, and the one that it leads to: not each event has a row of its own. */
  readonly from: number
  readonly revision: number
  readonly state: Template
  readonly failure: string | null
  readonly isLast: boolean
  readonly events: readonly TapeEvent[]
  readonly jobs: readonly TapeJob[]
}

export type Tape = {
  readonly jobTable: string
  readonly keepSeconds: number
  readonly start: TapeTransition & { readonly row: StartRow }
  readonly transitions: readonly TapeTransition[]
}

/** The columns of the saga's row that no transition changes. */
export type StartRow = {
  readonly definition: string
  readonly version: number
  readonly blueprint: string
  readonly input_hash: string
}

type Json = Record<string, unknown>

/** By which a fetched job is known: its saga may have other jobs at the same revision, but not of the same step. */
export function jobName(data: { readonly step: string; readonly side: string; readonly revision: number }): string {
  return `${data.step}:${data.side}:${data.revision}`
}

/** @throws Error when the recording has something that the floor cannot write: then it would not be the same rows. */
export function tapeOf({ rows, jobTable }: Recording): Tape {
  const groups = new Map<string, RecordedRow[]>()
  for (const row of rows) groups.set(row.xid, [...(groups.get(row.xid) ?? []), row])
  // A fetch changes no saga; the floor fetches by itself.
  const moves = [...groups.values()].filter((group) => group.some((row) => row.table === 'saga'))
  const [first, ...others] = moves
  if (first === undefined) throw new Error('The recording has no saga.')
  const row = JSON.parse(only(first, 'saga', 'INSERT').row) as StartRow & { id: string }
  const [job] = of(first, 'job', 'INSERT').map((one) => JSON.parse(one.row) as Json)
  const seconds = (Date.parse(String(job?.['keep_until'])) - Date.parse(String(job?.['start_after']))) / 1_000
  return {
    jobTable,
    keepSeconds: Math.round(seconds),
    start: { ...transitionOf(first, row.id, 0), row },
    transitions: others.map((group, at) => transitionOf(group, row.id, revisionAfter(moves[at] ?? []))),
  }
}

function transitionOf(group: readonly RecordedRow[], sagaId: string, from: number): TapeTransition {
  const saga = only(group, 'saga', from === 0 ? 'INSERT' : 'UPDATE')
  const row = JSON.parse(saga.row) as Json
  const jobs = of(group, 'job', 'INSERT').map((one) => one.row)
  const ids = jobs.map((text) => String((JSON.parse(text) as Json)['id']))
  const template = (text: string) => templateOf(text, sagaId, ids)
  return {
    settles: of(group, 'job', 'DELETE').map((one) => jobName((JSON.parse(one.row) as { data: never }).data)),
    status: String(row['status']),
    from,
    revision: revisionAfter(group),
    state: template(JSON.stringify(row['state'])),
    failure: row['failure'] === null ? null : JSON.stringify(row['failure']),
    isLast: row['finished_at'] !== null,
    events: of(group, 'saga_event', 'INSERT').map((one) => {
      const event = JSON.parse(one.row) as Json
      return {
        sequence: Number(event['sequence']),
        type: String(event['type']),
        step: event['step'] as string | null,
        side: event['side'] as string | null,
        attempt: event['attempt'] as number | null,
        data: event['data'] === null ? null : template(JSON.stringify(event['data'])),
        payload: event['payload'] === null ? null : JSON.stringify(event['payload']),
        isWorkers: event['worker'] !== null,
      }
    }),
    jobs: jobs.map((text) => {
      const job = JSON.parse(text) as { priority: number; expire_seconds: number; data: never }
      return {
        name: jobName(job.data),
        priority: job.priority,
        expireSeconds: job.expire_seconds,
        data: template(JSON.stringify(job.data)),
      }
    }),
  }
}

function templateOf(text: string, sagaId: string, jobIds: readonly string[]): Template {
  const texts: string[] = []
  const places: Place[] = []
  let from = 0
  for (const { 0: id, index } of text.matchAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)) {
    const at = jobIds.indexOf(id)
    // That of a job of an earlier transition stays as it was recorded: as long as the real one, and nobody reads it.
    if (id !== sagaId && at < 0) continue
    texts.push(text.slice(from, index))
    places.push(id === sagaId ? 'saga' : at)
    from = index + id.length
  }
  return { texts: [...texts, text.slice(from)], places }
}

export function filled({ texts, places }: Template, sagaId: string, jobIds: readonly string[]): string {
  let text = texts[0] ?? ''
  for (const [at, place] of places.entries()) {
    text += (place === 'saga' ? sagaId : (jobIds[place] ?? '')) + (texts[at + 1] ?? '')
  }
  return text
}

function revisionAfter(group: readonly RecordedRow[]): number {
  const saga = group.find((row) => row.table === 'saga')
  return Number((JSON.parse(saga?.row ?? '{}') as Json)['revision'])
}

function of(group: readonly RecordedRow[], table: string, op: RecordedRow['op']): readonly RecordedRow[] {
  return group.filter((row) => row.table === table && row.op === op)
}

function only(group: readonly RecordedRow[], table: string, op: RecordedRow['op']): RecordedRow {
  const [row, ...more] = of(group, table, op)
  if (row === undefined || more.length > 0)
    throw new Error(`A transition of the recording has no single ${op} of ${table}.`)
  return row
}
