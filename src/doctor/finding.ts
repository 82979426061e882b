/** What an examination finds. */

export const LEVELS = ['ok', 'notice', 'warning', 'error'] as const
/** `ok`: looked at, and fine. `notice`: worth knowing. `warning`: will be trouble. `error`: is trouble. */
export type Level = (typeof LEVELS)[number]

export type Finding = {
  /** What was looked at: `workers`, `schema` and so on. Stable, for programs. */
  readonly check: string
  readonly level: Level
  readonly says: string
  /** What to do about it. Always there where the level is `warning` or `error`. */
  readonly todo?: string
  /** The tables are not those that this version of the package made. */
  readonly isDrift?: true
}

export type DoctorReport = {
  readonly at: Date
  /** No warning and no error. */
  readonly isHealthy: boolean
  /** The worst first; within a level in the order in which they were looked at. */
  readonly findings: readonly Finding[]
}

export function reportOf(findings: readonly Finding[], at: Date): DoctorReport {
  const sorted = findings.toSorted((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level))
  return { at, isHealthy: !sorted.some(({ level }) => level === 'warning' || level === 'error'), findings: sorted }
}

export const ok = (check: string, says: string): Finding => ({ check, level: 'ok', says })
export const notice = (check: string, says: string): Finding => ({ check, level: 'notice', says })
export const warning = (check: string, says: string, todo: string): Finding => ({ check, level: 'warning', says, todo })
export const failing = (check: string, says: string, todo: string): Finding => ({ check, level: 'error', says, todo })
/** One sentence for one or several: `1 saga is`, `3 sagas are`. */
export const many = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`
