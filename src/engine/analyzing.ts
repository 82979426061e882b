/** The duty that renews the planner's statistics after a burst. */
import type { Db } from './store/db.ts'
import { analyze, outdatedTables } from './store/table-statistics.ts'

export type AnalysisReport = {
  /** Renewed; in a dry run, those that would be. */
  readonly tables: readonly string[]
  readonly failed: readonly { readonly table: string; readonly error: string }[]
  readonly hasMore: boolean
}

/** @param schemas the engine's and pg-boss's. */
export async function analyzeTables(
  db: Db,
  schemas: readonly string[],
  order: { readonly isDry: boolean; readonly goesOn: () => boolean },
): Promise<AnalysisReport> {
  const outdated = await outdatedTables(db, schemas)
  // The server would only warn of it, and do nothing.
  const failed: AnalysisReport['failed'][number][] = outdated
    .filter(({ isOurs }) => !isOurs)
    .map(({ name }) => ({ table: name, error: 'It belongs to another role, and is left to autovacuum.' }))
  const ours = outdated.flatMap(({ name, isOurs }) => (isOurs ? [name] : []))
  if (order.isDry) return { tables: ours, failed, hasMore: false }
  const tables: string[] = []
  for (const table of ours) {
    if (!order.goesOn()) return { tables, failed, hasMore: true }
    try {
      await analyze(db, table)
      tables.push(table)
    } catch (error) {
      failed.push({ table, error: String(error) })
    }
  }
  return { tables, failed, hasMore: false }
}
