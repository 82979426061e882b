/**
 * Statements that an index answers in its own order, so that they end with the first rows they find.
 *
 * By statistics that are older than a table is long, the planner expects few rows, and would read and sort all that there are.
 */
import type { SagaFilter } from './conditions.ts'
import type { Db } from './db.ts'

/** For what is asked from now on in this transaction: no statement whose order is in no index. */
export async function onlyInOrder(tx: Db): Promise<void> {
  await tx.executeSql('set local enable_bitmapscan = off; set local enable_sort = off')
}

/** Sagas of any kind, of one definition or of one status stand in an index in the order of their ids. */
export function isInOrder({ definition, status, ...others }: SagaFilter): boolean {
  if (Object.keys(others).length > 0 || Array.isArray(status)) return false
  return definition === undefined || status === undefined
}
