/** How a list of sagas is written: CSV for spreadsheets, NDJSON and JSON for programs. */
import { csvLine } from '../csv.ts'

export const FORMATS = ['csv', 'ndjson', 'json'] as const

export type Format = (typeof FORMATS)[number]

/** What an export says at its end. */
export type Ending = {
  readonly sagas: number
  /** There are more that fit than it may write. */
  readonly isCut: boolean
}

export type Writing = {
  readonly type: string
  readonly begin: string
  /** @param row as the API has it. @param index from 0. */
  readonly row: (row: ExportedRow, index: number) => string
  readonly end: (ending: Ending) => string
}

/** A saga as it is exported: text, numbers, and what is JSON. Moments are `Date`. */
export type ExportedRow = Readonly<Record<string, unknown>>

const COLUMNS = [
  'id',
  'definition',
  'version',
  'key',
  'status',
  'waiting',
  'paused',
  'reason',
  'errorGroup',
  'failedStep',
  'error',
  'errorCode',
  'tags',
  'priority',
  'concurrencyKey',
  'rerunOf',
  'correctionOf',
  'createdAt',
  'updatedAt',
  'finishedAt',
  'deadlineAt',
] as const

/** Excel takes it for UTF-8 by this. */
const MARK = '\ufeff'

export const WRITINGS: Readonly<Record<Format, Writing>> = {
  csv: {
    type: 'text/csv; charset=utf-8; header=present',
    begin: `${MARK}${csvLine(COLUMNS)}`,
    row: (row) => {
      const values = flat(row)
      return csvLine(COLUMNS.map((column) => values[column]))
    },
    end: ({ sagas, isCut }) => (isCut ? csvLine([`Cut: the newest ${sagas} of more sagas.`]) : ''),
  },
  ndjson: {
    type: 'application/x-ndjson',
    begin: '',
    row: (row) => `${lineOf(row)}\n`,
    end: ({ sagas, isCut }) => (isCut ? `${JSON.stringify({ cut: { sagas } })}\n` : ''),
  },
  json: {
    type: 'application/json',
    begin: '{"sagas":[',
    row: (row, index) => `${index === 0 ? '' : ','}\n${lineOf(row)}`,
    end: ({ isCut }) => `\n],"cut":${isCut}}\n`,
  },
}

/** One line, also for readers that take other ends of lines for one. */
function lineOf(row: ExportedRow): string {
  return JSON.stringify(row).replace(/[\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16)}`)
}

type Failure = { readonly step: string; readonly error: { readonly message: unknown; readonly code?: string } } | null

function flat({ failure, tags, ...row }: ExportedRow): ExportedRow {
  const failed = failure as Failure
  const { message: error, code: errorCode } = failed?.error ?? {}
  return { ...row, tags: (tags as readonly string[]).join(' '), failedStep: failed?.step, error, errorCode }
}
