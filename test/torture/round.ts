/** A round: load, faults in the midst of it, then everything is brought to rest, and looked at. */
import { setTimeout as delay } from 'node:timers/promises'
import { brokenRules } from '../support/rules.ts'
import { wronglyTold } from '../support/told.ts'
import { Dice } from './dice.ts'
import { brokenEffects, moneyIn } from './effects.ts'
import type { Fault } from './fault.ts'
import { TOLD } from './load.ts'
import { Pressure } from './pressure.ts'
import type { Figure, Scene } from './scene.ts'

/** Less than the minute after which workers look for claims that nobody runs, whatever has happened. */
const REST_WITHIN_MS = 55_000
/** A claim that nobody runs is found on a second look, a few seconds after a connection was lost. */
const CLAIMS_WITHIN_MS = 20_000
const POLL_MS = 100
const MANY_JOBS = 30
const SAID_AT_MOST = 20
const TOLD_AT_MOST = 20

export type RoundPlan = { readonly number: number; readonly seed: string; readonly faults: readonly Fault[] }

export type RoundResult = {
  readonly plan: RoundPlan
  readonly sagas: number
  /** Deliveries that have called the ledger. */
  readonly calls: number
  readonly deadLetters: number
  readonly repeated: number
  readonly violations: readonly string[]
  readonly figures: readonly Figure[]
  readonly seconds: number
}

export async function playRound(scene: Scene, plan: RoundPlan): Promise<RoundResult> {
  const beganAt = performance.now()
  const dice = new Dice(plan.seed)
  const violations: string[] = []
  scene.crew.forget()
  scene.figures.length = 0
  await scene.ledger.calm(false)
  const pressure = new Pressure(scene, `${plan.number}`, dice.others('load'))
  await underWay(scene, MANY_JOBS)
  const struck = plan.faults.map(async (fault, place) => {
    const own = dice.others(`fault ${place}`)
    await delay(own.whole(0, 1_000))
    const wrong = await fault.strike(scene, own).catch((error: unknown) => [String(error)])
    violations.push(...wrong.map((what) => `${fault.name}: ${what}`))
  })
  await Promise.all(struck)
  await underWay(scene, 1)
  await pressure.stop()
  await scene.ledger.calm(true)
  const loadEndedAt = performance.now()
  const deadLetters = await atRest(scene, pressure, violations)
  scene.measured('at rest after the load', performance.now() - loadEndedAt)
  await withoutClaims(scene, violations)
  const { pool } = scene.server
  const books = await scene.ledger.takeBooks()
  const cents = await moneyIn(pool, books)
  if (cents !== scene.cents) violations.push(`there are ${cents} cents, and were ${scene.cents}`)
  scene.cents = cents
  violations.push(...(await brokenEffects(pool, books)), ...(await brokenRules(pool)))
  violations.push(...(await wronglyTold(pool, TOLD.queue)).slice(0, TOLD_AT_MOST))
  violations.push(...(await brokenStarts(scene, pressure.keys)))
  const repeated = await lostAttempts(scene)
  violations.push(...needless(scene, plan.faults, repeated), ...(await needlessFailures(scene, plan.faults)))
  if (violations.length > 0) await explain(scene, violations)
  await clear(scene)
  return {
    plan,
    sagas: pressure.keys.length,
    calls: Object.keys(books.calls).length,
    deadLetters,
    repeated,
    violations,
    figures: [...scene.figures],
    seconds: (performance.now() - beganAt) / 1_000,
  }
}

/** What only happens when a worker is gone, or rows are: elsewhere it was a false alarm. */
function needless({ crew }: Scene, faults: readonly Fault[], lost: number): readonly string[] {
  const keepsWorkers = faults.every((fault) => fault.keepsWorkers)
  const keepsRows = faults.every((fault) => fault.takesRows !== true)
  const wrong: string[] = []
  if (keepsWorkers && keepsRows && lost > 0) wrong.push(`${lost} attempts were lost, although no worker was`)
  for (const { message, member } of crew.said) {
    if (message.type === 'died') wrong.push(`worker ${member.number} ended by itself`)
    if (keepsWorkers && message.type === 'taken_over')
      wrong.push(`worker ${String(message['worker'])} was taken over, and lives`)
    if (keepsRows && message.type === 'watched' && Number(message['mended']) > 0)
      wrong.push(`the watchdog mended what nobody had deleted: ${String(message['what'])}`)
  }
  return wrong
}

/** What the load plans to go wrong. Whoever stands still, or is cut off from the ledger, runs out of time as well. */
const PLANNED = '^(The ledger |socket hang up|The books are closed|Nobody signed)'

/** Trouble with the database or with workers costs no attempt. */
async function needlessFailures(scene: Scene, faults: readonly Fault[]): Promise<readonly string[]> {
  if (!faults.every((fault) => fault.keepsWorkers)) return []
  const planned = [PLANNED, ...faults.flatMap(({ failsAttempts }) => failsAttempts ?? [])].join('|')
  const rows = await scene.server.query<{ message: string; count: number; id: string }>(
    `select data -> 'error' ->> 'message' as message, count(*)::int as count, min(saga_id::text) as id from saga.saga_event
     where type = 'attempt_failed' and coalesce(data -> 'error' ->> 'message', '') !~ $1 group by 1`,
    [planned],
  )
  return rows.map(({ message, count, id }) => `${count} attempts failed with "${message}", one of them of ${id}`)
}

/** So many jobs are in the hands of workers. */
async function underWay(scene: Scene, jobs: number): Promise<void> {
  const giveUpAt = performance.now() + REST_WITHIN_MS
  for (;;) {
    const rows = await scene.server.query<{ jobs: number }>(
      'select coalesce(sum(json_array_length(jobs)), 0)::int as jobs from saga.saga_claim',
    )
    if ((rows[0]?.jobs ?? 0) >= jobs) return
    if (performance.now() > giveUpAt) throw new Error('The workers have had too little to do for a long time.')
    await delay(POLL_MS)
  }
}

/** Operators work off what is left, and the sagas come to rest. @returns how many dead letters that took. */
async function atRest(scene: Scene, { operators }: Pressure, violations: string[]): Promise<number> {
  const giveUpAt = performance.now() + REST_WITHIN_MS
  let deadLetters = 0
  for (;;) {
    const rows = await scene.server.query<{ id: string; status: string; paused: boolean }>(
      `select id, status, paused from saga.saga where status not in ('completed', 'compensated')`,
    )
    if (rows.length === 0) return deadLetters
    if (performance.now() > giveUpAt) {
      violations.push(`${rows.length} sagas are not at rest`)
      return deadLetters
    }
    deadLetters += await operators.workOff(rows.filter(({ paused }) => paused).map(({ id }) => id))
    await delay(POLL_MS)
  }
}

/** All is settled, so nobody has anything claimed; and only who lives is among the workers. */
async function withoutClaims(scene: Scene, violations: string[]): Promise<void> {
  const beganAt = performance.now()
  for (;;) {
    const claims = await scene.server.query<{ pid: number; jobs: number }>(
      `select w.pid, json_array_length(c.jobs) as jobs from saga.saga_claim c join saga.saga_worker w on w.id = c.worker_id`,
    )
    const workers = await scene.server.query<{ pid: number }>('select pid from saga.saga_worker')
    const wanted = scene.crew.members.map(({ pid }) => pid).sort((a, b) => a - b)
    const found = workers.map(({ pid }) => pid).sort((a, b) => a - b)
    const isAsItMustBe = claims.length === 0 && wanted.join() === found.join()
    if (isAsItMustBe) return scene.measured('claims gone after rest', performance.now() - beganAt)
    if (performance.now() - beganAt > CLAIMS_WITHIN_MS) {
      for (const { pid, jobs } of claims) violations.push(`process ${pid} still has a claim of ${jobs} jobs`)
      if (wanted.join() !== found.join()) violations.push(`the workers are ${found.join()}, not ${wanted.join()}`)
      return
    }
    await delay(POLL_MS)
  }
}

/** Each start that was answered is one saga; none is there that nobody started. */
async function brokenStarts(scene: Scene, keys: readonly string[]): Promise<readonly string[]> {
  const rows = await scene.server.query<{ key: string }>('select key from saga.saga')
  const [wanted, found] = [new Set(keys), new Set(rows.map(({ key }) => key))]
  return [
    ...[...wanted].filter((key) => !found.has(key)).map((key) => `the saga with key ${key} is not there`),
    ...[...found].filter((key) => !wanted.has(key)).map((key) => `nobody was told of the saga with key ${key}`),
    ...(rows.length > found.size ? ['a key has started several sagas'] : []),
  ]
}

async function lostAttempts(scene: Scene): Promise<number> {
  const rows = await scene.server.query<{ count: number }>(
    `select count(*)::int as count from saga.saga_event where type = 'attempt_lost'`,
  )
  return rows[0]?.count ?? 0
}

/** The journals of the first sagas that are named, and what the workers said. */
async function explain(scene: Scene, violations: string[]): Promise<void> {
  const ids = new Set(violations.flatMap((what) => /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(what)?.[0] ?? []))
  for (const id of [...ids].slice(0, 3)) {
    const events = await scene.server.query<{ line: string }>(
      `select concat_ws(' ', to_char(at, 'HH24:MI:SS.MS'), type, step, side, attempt, left(data::text, 160), right(worker, 6)) as line
       from saga.saga_event where saga_id = $1 order by sequence`,
      [id],
    )
    violations.push(`journal of ${id}:\n      ${events.map(({ line }) => line).join('\n      ')}`)
  }
  for (const { number, id, pid, log } of scene.crew.members) {
    const lines = log.slice(-SAID_AT_MOST).join('\n      ')
    violations.push(`worker ${number} (${id}, process ${pid}) said:\n      ${lines}`)
  }
}

/** The workers stay as they are, with all that they remember. */
async function clear(scene: Scene): Promise<void> {
  await scene.server.query(
    'truncate saga.saga, saga.saga_recovery, saga.saga_event, saga.saga_timer, saga.saga_line, saga.saga_hold, booking',
  )
  await scene.server.query(`delete from pgboss.job where name like 'saga\\_%' or name = $1`, [TOLD.queue])
}
