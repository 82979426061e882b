/**
 * Statements that an index answers in its own order, so that they end with the first rows they find.
 *
 * By statistics that are older than a table is long, the planner expects few rows, and would read and sort all that there are;
 * or it expects many, and walks the primary key past all that are something else.
 */
import type { SagaFilter } from './conditions.ts'
import type { Db } from './db.ts'

/** For what is asked from now on in a transaction: no statement whose order is in no index. */
export const ONLY_IN_ORDER = 'set local enable_bitmapscan = off; set local enable_sort = off'

export async function onlyInOrder(tx: Db): Promise<void> {
  await tx.executeSql(ONLY_IN_ORDER)
}

/**
 * Sagas of any kind, of one definition, or of one status stand in an index in the order of their ids. Completed ones have no index
 * for that, and are found by the primary key, behind all that live: there is nothing shorter.
 */
export function isInOrder({ definition, status, ...others }: SagaFilter): boolean {
  if (Object.keys(others).length > 0 || Array.isArray(status)) return false
  return definition === undefined || status === undefined
}

/** Whatever their status. */
export function isOfAll({ status: _status, ...others }: SagaFilter): boolean {
  return Object.keys(others).length === 0
}

/**
 * Sagas of one status, but not `completed`, which `saga_open` has in the order `NEWEST_OF_STATUS`. A range, for behind an
 * equality the order is one by id alone, and other indexes have that, too.
 *
 * @param status as the statement names it.
 */
export function ofStatus(status: string): string {
  return `s.status >= ${status} and s.status <= ${status} and s.status <> 'completed'`
}

export const NEWEST_OF_STATUS = 's.status desc, s.id desc'
