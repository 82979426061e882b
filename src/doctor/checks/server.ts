/** The server: its version, whether it can be written to, whether commits last, and what stands in everybody's way. */
import type { Db } from '../../engine/store/db.ts'
import { type Finding, failing, notice, ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const OLDEST = 14
const NEWEST = 18
/** An open transaction keeps dead rows from being cleaned up, and fetches slow down with them. */
const LONG_S = 5 * 60
const FULL_SHARE = 0.8

export const server: Check = async ({ db }) => {
  const { rows } = await db.executeSql(
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('server_version') as version,
       pg_is_in_recovery() as standby, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
       current_setting('max_connections')::int as most, (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
       current_setting('autovacuum') as autovacuum, current_setting('max_prepared_transactions')::int as prepared`,
  )
  const row = rows[0] ?? {}
  const major = Number(row['major'])
  const found: Finding[] = []
  if (major < OLDEST || major > NEWEST) {
    const todo = `Use PostgreSQL ${OLDEST} to ${NEWEST}: nothing is tested on others.`
    found.push((major < OLDEST ? failing : warning)('server', `PostgreSQL ${String(row['version'])}.`, todo))
  } else found.push(ok('server', `PostgreSQL ${String(row['version'])}.`))
  if (row['standby'] === true) {
    found.push(failing('server', 'The server is a standby: nothing can be written.', 'Connect to the primary.'))
  }
  if (row['fsync'] !== 'on') {
    found.push(warning('server', 'fsync is off: a crash of the machine can destroy the database.', 'Turn fsync on.'))
  }
  if (!['on', 'remote_apply', 'remote_write', 'local'].includes(String(row['commit']))) {
    const says = `synchronous_commit is ${String(row['commit'])}: a crash can take back what was committed, and steps that have run are run again.`
    found.push(warning('server', says, 'Turn synchronous_commit on for the role of the workers.'))
  }
  if (row['autovacuum'] !== 'on') {
    found.push(warning('server', 'Autovacuum is off: queues fill with dead rows.', 'Turn autovacuum on.'))
  }
  const [used, most] = [Number(row['used']), Number(row['most'])]
  if (used > FULL_SHARE * most) {
    const todo = 'Lower poolSize, transactionPoolSize or the number of workers, or raise max_connections.'
    found.push(warning('server', `${used} of ${most} connections are in use.`, todo))
  }
  return [...found, ...(await longTransactions(db))]
}

/** @param longS seconds, from which on it is long. */
export async function longTransactions(db: Db, longS = LONG_S): Promise<readonly Finding[]> {
  const { rows } = await db.executeSql(
    `select a.pid, coalesce(nullif(a.application_name, ''), 'without a name') as name, a.state, a.usename as role,
       extract(epoch from clock_timestamp() - a.xact_start)::int as seconds
     from pg_stat_activity a
     where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
       and a.xact_start < clock_timestamp() - $1::int * interval '1 second'
     order by a.xact_start limit 3`,
    [longS],
  )
  const { rows: rights } = await db.executeSql(`select pg_has_role('pg_read_all_stats', 'usage') as sees`)
  const blind =
    rights[0]?.['sees'] === true
      ? []
      : [
          notice(
            'transactions',
            'This role sees only its own sessions: grant it pg_read_all_stats to have the others looked at.',
          ),
        ]
  const open = rows.map((row) =>
    warning(
      'transactions',
      `The process ${String(row['pid'])} (${String(row['name'])}, role ${String(row['role'])}) has had a transaction open for ${String(row['seconds'])} s; it is ${String(row['state'])}.`,
      `End it: select pg_terminate_backend(${String(row['pid'])}). Set idle_in_transaction_session_timeout for its role.`,
    ),
  )
  const slots = await db.executeSql(
    `select slot_name as name from pg_replication_slots where not active and (xmin is not null or catalog_xmin is not null or restart_lsn is not null) limit 3`,
  )
  const unused = slots.rows.map((row) =>
    notice(
      'transactions',
      `Nobody reads the replication slot ${String(row['name'])}: it keeps WAL, and may keep dead rows.`,
    ),
  )
  const found = [...open, ...unused, ...blind]
  return found.length > 0 ? found : [ok('transactions', 'None has been open for long.')]
}
