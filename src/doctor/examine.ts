/** Looks at everything that can be wrong with a system of sagas, changes nothing, and says what to do. */

import type { SagaClientOptions } from '../compose/options.ts'
import { openSubject } from '../compose/subject.ts'
import { lag } from './checks/lag.ts'
import { deadLetters, orphans, stuck, timers } from './checks/sagas.ts'
import { boss, schema } from './checks/schema.ts'
import { server } from './checks/server.ts'
import { fetching, tables } from './checks/tables.ts'
import { clocks, maintenance } from './checks/upkeep.ts'
import { sessions, workers } from './checks/workers.ts'
import { type DoctorReport, type Finding, failing, reportOf } from './finding.ts'
import type { Check, Subject } from './subject.ts'

/** What needs nothing but the server. */
const FIRST: Readonly<Record<string, Check>> = { server, schema, 'pg-boss': boss, sessions }
/** What needs the tables as they have to be. */
const THEN: Readonly<Record<string, Check>> = {
  clock: clocks,
  workers,
  lag,
  'dead-letters': deadLetters,
  stuck,
  orphans,
  timers,
  maintenance,
  tables,
  fetching,
}

export type ExamineOptions = SagaClientOptions & {
  /** Where workers' own sessions lead, if not there: past a pooler. */
  readonly directConnectionString?: string
}

/** Never rejects for what it finds: a server that cannot be reached is a finding too. */
export async function examine(options: ExamineOptions): Promise<DoctorReport> {
  const { subject, close } = openSubject(options)
  try {
    try {
      await subject.db.executeSql('select 1')
    } catch (error) {
      const todo = 'Look at the connection string, at the server, and at what lies between.'
      return reportOf([failing('connection', `The database cannot be reached: ${messageOf(error)}.`, todo)], new Date())
    }
    const first = await looks(FIRST, subject)
    const canGoOn = !first.some(({ check, level }) => level === 'error' && (check === 'schema' || check === 'pg-boss'))
    const rest = canGoOn ? await looks(THEN, subject) : []
    return reportOf([...first, ...rest], new Date())
  } finally {
    await close()
  }
}

/** One after the other: it is to be no burden. */
async function looks(checks: Readonly<Record<string, Check>>, subject: Subject): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for (const [name, check] of Object.entries(checks)) {
    try {
      found.push(...(await check(subject)))
    } catch (error) {
      const todo = 'Look whether the role may read the tables and the statistics, and run it again.'
      found.push(failing(name, `It could not be looked at: ${messageOf(error)}.`, todo))
    }
  }
  return found
}

function messageOf(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: string }
  return message === undefined || message === '' ? (code ?? String(error)) : message.replace(/\.$/, '')
}
