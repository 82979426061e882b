/** Who counts as dead, and when nobody does (rules 4 and 11). */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/engine/runtime/ids.ts'
import { NO_FAULTS, SILENT } from '../../src/engine/runtime/ports.ts'
import {
  heartbeat,
  insertClaim,
  readClaims,
  registerWorker,
  takeOver,
  tryOwnerLock,
} from '../../src/engine/store/workers.ts'
import { Takeover } from '../../src/jobs/takeover.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'

const SCHEMA = 'saga'
const STEADY = { isAlive: true, generation: 1, steadyMs: 60_000, identity: { id: newId(), epoch: 1 } }
const JUST_STARTED = { ...STEADY, steadyMs: 50 }

let database: TestDatabase
let db: { executeSql: (text: string, values?: unknown[]) => Promise<{ rows: Record<string, unknown>[] }> }
const sessions: pg.Client[] = []
const observers: Takeover[] = []
let looks = 0
/** What the server says of how long it has been up. */
let serverUpMs: number | undefined

beforeAll(async () => {
  database = await testDatabase()
  db = {
    executeSql: async (text, values) => {
      if (text.includes('from saga.saga_worker w')) looks += 1
      if (text.includes('as "upMs"') && serverUpMs !== undefined) return { rows: [{ upMs: serverUpMs }] }
      return database.pool.query(text, values)
    },
  }
})
beforeEach(() => {
  looks = 0
  serverUpMs = undefined
})
afterEach(async () => {
  for (const observer of observers.splice(0)) observer.close()
  await Promise.all(sessions.splice(0).map((session) => session.end()))
  await database.pool.query('delete from saga.saga_claim; delete from saga.saga_worker')
})
afterAll(() => database.drop())

/** A worker as others see it. */
async function worker(sign: 'locked' | 'free', { heartbeat = '0s', claims = 0 } = {}): Promise<string> {
  const id = newId()
  const row = { id, host: 'there', pid: 1, build: null, holdsLock: true, definitions: [] }
  const { epoch, lockKey } = await registerWorker(db, SCHEMA, row)
  if (sign === 'locked') {
    const session = new pg.Client(database.connectionString)
    await session.connect()
    sessions.push(session)
    const query = (text: string, values?: unknown[]) => session.query(text, values)
    expect(await tryOwnerLock({ executeSql: query }, lockKey)).toBe(true)
  }
  await database.pool.query(
    'update saga.saga_worker set heartbeat_at = saga.now() - $2::text::interval where id = $1::uuid',
    [id, heartbeat],
  )
  for (let count = 0; count < claims; count += 1) {
    const job = { id: newId(), retryCount: 0, saga: newId(), step: 'one', side: 'action', attempt: 1, revision: 1 }
    await insertClaim(db, SCHEMA, { id: newId(), workerId: id, epoch, jobs: [{ ...job, side: 'action' }] })
  }
  return id
}

/** Comes back as a worker does: gives a sign of life, and takes its lock again. */
async function comeBack(id: string): Promise<void> {
  const { rows } = await database.pool.query('select epoch, lock_key from saga.saga_worker where id = $1::uuid', [id])
  expect(await heartbeat(db, SCHEMA, id, rows[0].epoch)).toBe(true)
  const session = new pg.Client(database.connectionString)
  await session.connect()
  sessions.push(session)
  const query = (text: string, values?: unknown[]) => session.query(text, values)
  expect(await tryOwnerLock({ executeSql: query }, rows[0].lock_key)).toBe(true)
}

function observe(owner: object, refused: ReadonlySet<string> = new Set(), meanwhile = async () => {}) {
  const takenOver: string[] = []
  const lost: string[] = []
  const observer = new Takeover({
    schema: SCHEMA,
    db,
    owner: owner as never,
    logger: SILENT,
    faults: NO_FAULTS,
    lose: async (jobs) => {
      const recorded = jobs.map((job) => job.id).filter((id) => !refused.has(id))
      lost.push(...recorded)
      await meanwhile()
      return new Set(recorded)
    },
    onTakenOver: (id) => takenOver.push(id),
  })
  observers.push(observer)
  observer.open()
  return { takenOver, lost }
}

const left = async () =>
  (await database.pool.query('select id from saga.saga_worker')).rows.map((row) => String(row.id))

describe('an observer', () => {
  test('takes over the one whose lock is free, and leaves those that hold theirs', async () => {
    const alive = await worker('locked')
    const dead = await worker('free', { claims: 3 })
    const { takenOver, lost } = observe(STEADY)
    await until('one is taken over', async () => takenOver.length > 0)
    expect(takenOver).toEqual([dead])
    expect(lost).toHaveLength(3)
    expect(await left()).toEqual([alive])
  })

  test('takes over the one that stands still, although its lock is held', async () => {
    const stopped = await worker('locked', { heartbeat: '31 s' })
    const { takenOver } = observe(JUST_STARTED)
    await until('it is taken over', async () => takenOver.length > 0)
    expect(takenOver).toEqual([stopped])
  })

  test('that has just started takes nobody over while all the others have lost their locks', async () => {
    const others = [await worker('free'), await worker('free', { heartbeat: '1 hour' })]
    const { takenOver } = observe(JUST_STARTED)
    await until('it has looked often enough', async () => looks >= 6)
    expect(takenOver).toEqual([])
    expect((await left()).sort()).toEqual(others.sort())
    // One that has its lock shows that there was no outage.
    const alive = await worker('locked')
    await until('both are taken over', async () => takenOver.length === 2)
    expect(await left()).toEqual([alive])
  })

  test('of a server that has just started takes over only who was heard of since', async () => {
    serverUpMs = 50
    const before = await worker('free')
    await database.pool.query(`update saga.saga_worker set heartbeat_at = pg_postmaster_start_time() - interval '1 s'`)
    await worker('locked')
    const after = await worker('free')
    const { takenOver } = observe(JUST_STARTED)
    await until('the later one is taken over', async () => takenOver.includes(after))
    await until('it has looked often enough', async () => looks >= 8)
    expect(takenOver).toEqual([after])
    serverUpMs = 20_000
    await until('both are taken over', async () => takenOver.length === 2)
    expect(takenOver).toEqual([after, before])
  })

  test('that has lost its own session, or has been without answers, takes nobody over yet', async () => {
    const dead = await worker('free', { heartbeat: '1 hour' })
    const owner = { ...STEADY, generation: 2, steadyMs: 50 }
    const { takenOver } = observe(owner)
    await until('it has looked often enough', async () => looks >= 6)
    expect(takenOver).toEqual([])
    owner.steadyMs = 60_000
    await until('it is taken over', async () => takenOver.length > 0)
    expect(takenOver).toEqual([dead])
  })

  test('goes on with the other claims when one cannot be recorded, and keeps the worker for that one', async () => {
    const dead = await worker('free', { claims: 5 })
    const { rows } = await database.pool.query(`select jobs->0->>'id' as job from saga.saga_claim order by claimed_at`)
    const refused = String(rows[2].job)
    const { lost } = observe(STEADY, new Set([refused]))
    await until('the others are recorded', async () => lost.length >= 4)
    await until('one claim is left', async () => {
      const claims = await database.pool.query(`select jobs->0->>'id' as job from saga.saga_claim`)
      return claims.rows.length === 1 && claims.rows[0].job === refused
    })
    expect(await left()).toEqual([dead])
  })

  test('leaves the one alone that has come back since it was looked at', async () => {
    const dead = await worker('free', { claims: 1 })
    const back = await worker('free', { claims: 1 })
    // Both are dead at one look; while the first is taken over, the other one comes back.
    let isBack = false
    const { takenOver } = observe(STEADY, new Set(), async () => {
      if (!isBack) await comeBack(back)
      isBack = true
    })
    await until('one is taken over', async () => takenOver.length > 0)
    const looked = looks
    await until('it has looked at the other one again', async () => looks >= looked + 4)
    expect(takenOver).toEqual([dead])
    expect(await left()).toEqual([back])
  })

  test('of two, one takes over', async () => {
    await worker('free', { claims: 2 })
    const [one, two] = [observe(STEADY), observe(STEADY)]
    await until('the worker is gone', async () => (await left()).length === 0)
    await until('both have looked again', async () => looks >= 10)
    expect([...one.takenOver, ...two.takenOver]).toHaveLength(1)
    expect([...one.lost, ...two.lost]).toHaveLength(2)
  })
})

describe('a claim', () => {
  const job = {
    id: newId(),
    retryCount: 0,
    saga: newId(),
    step: 'one',
    side: 'action',
    attempt: 1,
    revision: 1,
  } as const
  const claimOf = (workerId: string) => ({ id: newId(), workerId, epoch: 1, jobs: [job] })
  const isWaiting = async (text: string) => {
    const { rows } = await database.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
      [text],
    )
    return rows.length === 1
  }

  /** A transaction that is under way. */
  async function underWay() {
    const session = new pg.Client(database.connectionString)
    await session.connect()
    sessions.push(session)
    await session.query('begin')
    const tx = { executeSql: (text: string, values?: unknown[]) => session.query(text, values) }
    return { tx, commit: () => session.query('commit') }
  }

  test('that is under way lets the heartbeat of its worker pass, and is seen by whoever takes that one over', async () => {
    const id = await worker('free')
    const { tx, commit } = await underWay()
    const claim = claimOf(id)
    expect(await insertClaim(tx, SCHEMA, claim)).toBe(true)
    expect(await heartbeat(db, SCHEMA, id, 1)).toBe(true)
    const takingOver = takeOver(db, SCHEMA, { id, epoch: 1 }).then(async (isTaken) => ({
      isTaken,
      claims: await readClaims(db, SCHEMA, id, 10),
    }))
    await until('the takeover waits for it', () => isWaiting('%taken_over_at%'))
    await commit()
    expect(await takingOver).toEqual({ isTaken: true, claims: [{ id: claim.id, jobs: claim.jobs }] })
  })

  test('that comes while its worker is taken over is refused', async () => {
    const id = await worker('free')
    const { tx, commit } = await underWay()
    expect(await takeOver(tx, SCHEMA, { id, epoch: 1 })).toBe(true)
    const claiming = insertClaim(db, SCHEMA, claimOf(id))
    await until('the claim waits for it', () => isWaiting('%insert into saga.saga_claim%'))
    await commit()
    expect(await claiming).toBe(false)
    expect(await readClaims(db, SCHEMA, id, 10)).toEqual([])
  })
})
