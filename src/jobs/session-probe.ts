/**
 * Whether a connection is a session of its own, so that a lock taken on it says that this end lives.
 *
 * Behind a pooler in transaction mode it is not: each transaction may run in another session, and a lock stays in one
 * that serves others. Taken for a sign of life it would say of the living that they are dead.
 *
 * Whether a lock stays is a question of what else is going on: a pooler that is idle gives the same session again. So the
 * process id is asked first. A pooler makes up one of its own for who connects, whatever its mode; behind any of them a
 * worker goes by heartbeats.
 */
import type { Db } from '../engine/store/db.ts'
import { lend, type Pool } from './pools.ts'
import type { Session } from './sessions.ts'

/** The class of our advisory locks; the owners' keys begin with 1. */
const LOCK = '1935763297, 0'

/** @param other opens another session in the same way. */
export async function keepsItsSession(session: Session, other: () => Session): Promise<boolean> {
  const { processID } = (await session.client()) as unknown as { readonly processID: unknown }
  const { rows } = await (await session.db()).executeSql('select pg_backend_pid() as pid')
  if (rows[0]?.['pid'] !== processID) return false
  const rival = other()
  try {
    return await keepsItsLock(await session.db(), await rival.db())
  } finally {
    await rival.close()
  }
}

/**
 * Whether connections of a pool are sessions of the server's, as far as one question can tell: a pooler answers with a
 * process id of its own making when a client connects. One that cannot be asked is none.
 */
export async function poolKeepsSessions(pool: Pool): Promise<boolean> {
  try {
    const { client, query, release } = await lend(pool)
    try {
      const { rows } = await query('select pg_backend_pid() as pid')
      return rows[0]?.pid === (client as unknown as { readonly processID: unknown }).processID
    } finally {
      release()
    }
  } catch {
    return false
  }
}

/**
 * Takes a lock on one connection, has the other one keep busy whatever is free, and looks for the lock: a pooler would
 * have given the first one's session to the second.
 */
export async function keepsItsLock(db: Db, rival: Db): Promise<boolean> {
  const before = await db.executeSql(`select pg_backend_pid() as pid, pg_try_advisory_lock_shared(${LOCK}) as locked`)
  await rival.executeSql('begin')
  try {
    await rival.executeSql('select 1')
    const after = await db.executeSql(
      `select pg_backend_pid() as pid, exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
         and (classid::bigint, objid::bigint) = (${LOCK})) as locked`,
    )
    const [was, is] = [before.rows[0], after.rows[0]]
    const keeps = was?.['locked'] === true && is?.['locked'] === true && was['pid'] === is['pid']
    if (keeps) await db.executeSql(`select pg_advisory_unlock_shared(${LOCK})`)
    return keeps
  } finally {
    await rival.executeSql('rollback')
  }
}
