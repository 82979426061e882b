/** Workers: whether any lives, has the code of what is under way, and whether their sessions are what they take them for. */
import { type Flights, MOST_FLIGHTS, readFlights } from '../../engine/store/flights.ts'
import { readWorkerViews } from '../../engine/store/worker-views.ts'
import { keepsItsSession } from '../../jobs/session-probe.ts'
import { Session } from '../../jobs/sessions.ts'
import { channelOf } from '../../jobs/wake-up.ts'
import { type Finding, failing, many, notice, ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const HEARD_WITHIN_MS = 5_000

export const workers: Check = async ({ db, schema, transaction }) => {
  const all = await readWorkerViews(db, schema)
  const alive = all.filter(({ isAlive }) => isAlive)
  const { flights, isCut } = await transaction((tx) => readFlights(tx, schema))
  const found: Finding[] = []
  const open = flights.reduce((sum, { sagas, deadLetters }) => sum + sagas - deadLetters, 0)
  if (alive.length === 0) {
    const says = open === 0 ? 'None lives.' : `None lives, and ${many(open, 'saga is', 'sagas are')} under way.`
    found.push(
      (open === 0 ? warning : failing)('workers', says, 'Start a worker: `pg-saga worker`, or an engine of your own.'),
    )
  } else {
    const builds = new Set(alive.map(({ build }) => build ?? 'without a build'))
    found.push(ok('workers', `${many(alive.length, 'worker lives', 'workers live')}: ${[...builds].join(', ')}.`))
  }
  const dead = all.filter(({ isAlive, claimedJobs }) => !isAlive && claimedJobs > 0)
  if (dead.length > 0 && alive.length > 0) {
    const says = `${many(dead.length, 'dead worker', 'dead workers')} still have jobs in hand.`
    found.push(notice('workers', says))
  }
  if (isCut)
    found.push(notice('definitions', `More than ${MOST_FLIGHTS} sagas of a status: only the oldest were looked at.`))
  return [...found, ...withoutCode(flights, new Set(alive.flatMap(({ definitions }) => definitions)))]
}

function withoutCode(flights: readonly Flights[], known: ReadonlySet<string>): readonly Finding[] {
  const lacking = new Map<string, { definition: string; version: number; sagas: number; deadLetters: number }>()
  for (const { definition, version, sagas, deadLetters } of flights) {
    const name = `${definition}@${version}`
    if (known.has(name)) continue
    const before = lacking.get(name) ?? { definition, version, sagas: 0, deadLetters: 0 }
    const sum = { sagas: before.sagas + sagas, deadLetters: before.deadLetters + deadLetters }
    lacking.set(name, { definition, version, ...sum })
  }
  if (lacking.size === 0) return [ok('definitions', 'Workers have the code of all that is under way.')]
  return [...lacking.values()].map(({ definition, version, sagas, deadLetters }) => {
    const kept = [
      ...(sagas > deadLetters ? [many(sagas - deadLetters, 'saga')] : []),
      ...(deadLetters > 0 ? [many(deadLetters, 'dead letter')] : []),
    ]
    const says = `No worker has ${definition} v${version}: ${kept.join(' and ')} ${sagas === 1 ? 'keeps' : 'keep'} it.`
    const todo = `Deploy a worker that has ${definition} v${version}, or resolve what is left of it.`
    // Dead letters wait for a person anyhow.
    return (sagas > deadLetters ? failing : warning)('definitions', says, todo)
  })
}

/** Whether a worker that connects as this one does can hold its lock, and hears when it is woken. */
export const sessions: Check = async ({ db, schema, connectionString, directConnectionString, isNotified }) => {
  const found: Finding[] = []
  const open = (url: string) => new Session(url, 'pg-saga doctor')
  const session = open(directConnectionString)
  try {
    if (!(await keepsItsSession(session, () => open(directConnectionString)))) {
      const says = 'Connections go through a pooler: workers go by heartbeats, so a dead one is noticed after 30 s.'
      found.push(warning('sessions', says, 'Give the engine a directConnectionString that leads past the pooler.'))
    } else {
      const direct = directConnectionString === connectionString ? '' : ', past the pooler'
      found.push(ok('sessions', `A worker can hold its lock${direct}.`))
      if (isNotified) found.push(await hears(session, db, schema))
    }
  } finally {
    await session.close()
  }
  return found
}

async function hears(session: Session, db: Parameters<Check>[0]['db'], schema: string): Promise<Finding> {
  const client = await session.client()
  const word = `doctor ${process.pid} ${performance.now()}`
  const heard = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), HEARD_WITHIN_MS)
    client.on('notification', ({ payload }) => {
      if (payload !== word) return
      clearTimeout(timer)
      resolve(true)
    })
  })
  await client.query(`listen ${channelOf(schema)}_doctor`)
  await db.executeSql('select pg_notify($1::text, $2::text)', [`${channelOf(schema)}_doctor`, word])
  if (await heard) return ok('notify', 'LISTEN and NOTIFY work.')
  const todo = 'Nothing is lost: workers look twice a second. Look whether a pooler lies between.'
  return warning('notify', 'What was notified was not heard.', todo)
}
