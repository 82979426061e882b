/** Duties of maintenance: what each is called, does, and reports. */
import { z } from 'zod'
import { LOGGED, type Logged } from '../../engine/duties.ts'
import type { MaintenanceEntry } from '../../engine/store/maintenance-log.ts'
import { clip, count } from '../partials/markup.ts'

export type DutyWords = { readonly label: string; readonly does: string }

export const DUTY_WORDS: Readonly<Record<Logged, DutyWords>> = {
  cleanup: {
    label: 'Clean-up',
    does: 'Deletes sagas that have finished longer ago than their definitions keep them. Dead letters and live sagas stay.',
  },
  recovery: {
    label: 'Recovery',
    does: 'Looks for sagas without progress, and does with each what its definition says: report, resume or compensate.',
  },
  statistics: { label: 'Statistics', does: 'Counts the hours that are over, for the figures of the overview.' },
  analysis: {
    label: 'Analysis',
    does: "Renews the planner's statistics of tables that a burst has left far behind.",
  },
  watchdog: { label: 'Watchdog', does: 'Puts back jobs, timers and places in line that somebody has deleted.' },
}

export function isLogged(duty: string): duty is Logged {
  return (LOGGED as readonly string[]).includes(duty)
}

export type Report = {
  readonly says: string
  readonly lines: readonly { readonly text: string; readonly sagaId?: string }[]
}

const MAX_CHARACTERS = 600
const number = z.number().default(0)
const counts = z.record(z.string(), z.number()).default({})

const REPORTS = {
  cleanup: z.object({
    sagas: number,
    by: z.array(z.object({ definition: z.string(), status: z.string(), sagas: z.number() })).default([]),
    failed: z.array(z.object({ definition: z.string(), status: z.string(), error: z.string() })).default([]),
    hasMore: z.boolean().default(false),
  }),
  recovery: z.object({
    found: number,
    outcomes: counts,
    sagas: z
      .array(z.object({ sagaId: z.string(), definition: z.string(), outcome: z.string(), why: z.string().optional() }))
      .default([]),
  }),
  statistics: z.object({ hours: number, rows: number }),
  analysis: z.object({
    tables: z.array(z.string()).default([]),
    failed: z.array(z.object({ table: z.string(), error: z.string() })).default([]),
  }),
  watchdog: z.object({ sagas: number, mended: number, left: number, what: counts }),
} as const

type ReportOf<D extends Logged> = z.output<(typeof REPORTS)[D]>

/** What the log keeps of a time, as far as it has the shape that this version writes. */
export function outcomeOf<D extends Logged>(duty: D, entry: MaintenanceEntry): ReportOf<D> | undefined {
  const parsed = REPORTS[duty].safeParse(entry.outcome)
  return parsed.success ? (parsed.data as ReportOf<D>) : undefined
}

/** What came of it, in a sentence and the particulars. */
export function reportOf(entry: MaintenanceEntry): Report {
  const { duty, error, outcome, finishedAt } = entry
  if (error !== null) return { says: `It failed: ${clip(error, MAX_CHARACTERS)}`, lines: [] }
  if (finishedAt === null) return { says: 'It is under way, or whoever did it has died.', lines: [] }
  const found = isLogged(duty) ? inWords(duty, entry) : undefined
  return found ?? { says: clip(JSON.stringify(outcome) ?? 'Nothing was noted.', MAX_CHARACTERS), lines: [] }
}

function inWords(duty: Logged, entry: MaintenanceEntry): Report | undefined {
  if (duty === 'cleanup') return cleanup(outcomeOf('cleanup', entry), entry.isDry)
  if (duty === 'recovery') return recovery(outcomeOf('recovery', entry), entry.isDry)
  if (duty === 'statistics') return statistics(outcomeOf('statistics', entry), entry.isDry)
  if (duty === 'analysis') return analysis(outcomeOf('analysis', entry), entry.isDry)
  return watchdog(outcomeOf('watchdog', entry))
}

function cleanup(report: ReportOf<'cleanup'> | undefined, isDry: boolean): Report | undefined {
  if (report === undefined) return undefined
  const { sagas, by, failed, hasMore } = report
  const verb = isDry ? 'would be deleted' : sagas === 1 ? 'was deleted' : 'were deleted'
  const lines = [
    ...by.map((one) => ({ text: `${one.definition}, ${one.status}: ${one.sagas}` })),
    ...failed.map((one) => ({ text: `${one.definition}, ${one.status} could not be: ${clip(one.error, 300)}` })),
  ]
  const more = hasMore ? ' More are left for the next time.' : ''
  return {
    says: sagas === 0 ? `No saga ${isDry ? verb : 'was deleted'}.` : `${count(sagas, 'saga')} ${verb}.${more}`,
    lines,
  }
}

function recovery(report: ReportOf<'recovery'> | undefined, isDry: boolean): Report | undefined {
  if (report === undefined) return undefined
  const { found, outcomes, sagas } = report
  if (found === 0) return { says: 'All sagas make progress, or wait for something.', lines: [] }
  const parts = Object.entries(outcomes).map(([outcome, many]) => `${many} ${outcome}`)
  const became = parts.length === 0 ? '' : `: ${isDry ? 'would be ' : ''}${parts.join(', ')}`
  const lines = sagas.map(({ sagaId, definition, outcome, why }) => ({
    sagaId,
    text: `${definition}: ${outcome}${why === undefined ? '' : ` (${clip(why, 300)})`}`,
  }))
  return { says: `${count(found, 'saga')} without progress${became}.`, lines }
}

function statistics(report: ReportOf<'statistics'> | undefined, isDry: boolean): Report | undefined {
  if (report === undefined) return undefined
  const { hours } = report
  if (hours === 0) return { says: 'There was no hour to count.', lines: [] }
  return { says: `${count(hours, 'hour')} ${isDry ? 'would be' : hours === 1 ? 'was' : 'were'} counted.`, lines: [] }
}

function analysis(report: ReportOf<'analysis'> | undefined, isDry: boolean): Report | undefined {
  if (report === undefined) return undefined
  const { tables, failed } = report
  const lines = [
    ...tables.map((text) => ({ text })),
    ...failed.map(({ table, error }) => ({ text: `${table} could not be: ${clip(error, 300)}` })),
  ]
  if (tables.length === 0) return { says: 'The planner knows all tables well enough.', lines }
  return {
    says: `${count(tables.length, 'table')} ${isDry ? 'would be' : tables.length === 1 ? 'was' : 'were'} analyzed.`,
    lines,
  }
}

function watchdog(report: ReportOf<'watchdog'> | undefined): Report | undefined {
  if (report === undefined) return undefined
  const { sagas, mended, left, what } = report
  if (mended + left === 0) return { says: `Nothing was missing among ${count(sagas, 'saga')}.`, lines: [] }
  const missing = Object.entries(what).map(([name, many]) => ({ text: `${name.replaceAll('_', ' ')}: ${many}` }))
  const rest = left === 0 ? '' : ` ${left} were left, because somebody else had their sagas.`
  return { says: `${mended} missing ${mended === 1 ? 'thing was' : 'things were'} put back.${rest}`, lines: missing }
}
