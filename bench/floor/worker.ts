/**
 * The floor's worker: fetches, waits for as long as a step takes, and commits in groups, with the same slots, committers
 * and batches as the product. It decides nothing, retries nothing, and survives nothing: what is left is what Postgres
 * and its driver cost for these rows.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { newId } from '../../src/engine/runtime/ids.ts'
import { batchSize } from '../../src/jobs/fetcher.ts'
import type { BenchWorker, Timeline } from '../processes/serve.ts'
import { APP_WRITE } from '../workloads/app.ts'
import { type FloorStatements, type Move, statementsFor } from './statements.ts'
import { jobName, type Tape, type TapeTransition } from './tape.ts'

export const FLOOR_CHANNEL = 'bench_floor'

export type FloorOptions = {
  readonly connectionString: string
  readonly tape: Tape
  readonly slots: number
  readonly committers: number
  readonly maxBatch: number
  /** How long each step takes. */
  readonly stepMs?: number
  /** Steps that have a transaction of their own, with a row of the app's. */
  readonly transactional?: readonly string[]
  readonly transactions: number
}

type Claim = { readonly id: string; open: number }
type Ready = Move & { readonly claims: readonly Claim[] }
type FetchedRow = { readonly id: string; readonly data: { saga: string; step: string; side: string; revision: number } }
type Gathered = { readonly jobs: string[]; readonly claims: Claim[] }

export class FloorWorker implements BenchWorker {
  readonly #options: FloorOptions
  readonly #timeline: Timeline
  readonly #statements: FloorStatements
  readonly #transitions = new Map<string, TapeTransition>()
  readonly #fetcher: pg.Client
  readonly #lanes: pg.Client[]
  readonly #transactions: pg.Client[]
  readonly #awaiting: Ready[] = []
  /** Of transitions that settle several jobs, those that have run so far. */
  readonly #gathered = new Map<string, Gathered>()
  readonly #idle: pg.Client[] = []
  readonly #id = newId()
  #ready: Ready[] = []
  #running = 0
  #isFetching = false
  #hint = true
  #open = false
  #scheduled = false

  constructor(options: FloorOptions, timeline: Timeline) {
    this.#options = options
    this.#timeline = timeline
    this.#statements = statementsFor(options.tape)
    for (const transition of options.tape.transitions) {
      for (const name of transition.settles) this.#transitions.set(name, transition)
    }
    const connect = () =>
      new pg.Client({ connectionString: options.connectionString, pipeline: true } as pg.ClientConfig)
    this.#fetcher = connect()
    this.#lanes = Array.from({ length: options.committers }, connect)
    const transactions = (options.transactional ?? []).length === 0 ? 0 : options.transactions
    this.#transactions = Array.from({ length: transactions }, connect)
  }

  async start(): Promise<void> {
    const clients = [this.#fetcher, ...this.#lanes, ...this.#transactions]
    await Promise.all(clients.map((client) => client.connect()))
    for (const client of clients)
      await client.query('set jit = off; set enable_seqscan = off; set enable_mergejoin = off')
    // Along the index that has the jobs in their order: the planner would sort all that is queued.
    await this.#fetcher.query('set enable_bitmapscan = off; set enable_sort = off')
    await this.#fetcher.query(
      `insert into saga.saga_worker (id, epoch, host, pid, holds_lock, definitions, started_at, heartbeat_at)
       values ($1, 1, 'floor', 1, false, '{}', now(), now())`,
      [this.#id],
    )
    this.#fetcher.on('notification', () => this.#kick())
    await this.#fetcher.query(`listen ${FLOOR_CHANNEL}`)
    this.#idle.push(...this.#lanes)
    this.#open = true
    this.#kick()
  }

  async stop(): Promise<void> {
    this.#open = false
    while (this.#isFetching || this.#running > 0) await sleep(5)
    await Promise.all([this.#fetcher, ...this.#lanes, ...this.#transactions].map((client) => client.end()))
  }

  #kick(): void {
    this.#hint = true
    void this.#fetch()
  }

  /** As the product does: not while a commit is about to free more slots, unless a quarter of them is free. */
  #room(): number {
    const { slots } = this.#options
    const free = slots - this.#running
    const isWriting = this.#ready.length > 0 || this.#idle.length < this.#lanes.length
    return free >= slots / 4 || !isWriting ? free : 0
  }

  async #fetch(): Promise<void> {
    if (this.#isFetching) return
    this.#isFetching = true
    while (this.#open && this.#hint && this.#room() > 0) {
      this.#hint = false
      const id = newId()
      const { text, values } = this.#statements.fetch(batchSize(this.#room()), id, this.#id)
      const { rows } = await this.#fetcher.query<FetchedRow>(text, values)
      if (rows.length === 0) continue
      this.#hint = true
      this.#running += rows.length
      const claim = { id, open: rows.length }
      for (const row of rows) void this.#run(row, claim)
    }
    this.#isFetching = false
  }

  async #run({ id, data }: FetchedRow, claim: Claim): Promise<void> {
    const { stepMs, transactional } = this.#options
    const transition = this.#transitions.get(jobName(data))
    if (transition === undefined) throw new Error(`The tape has no ${jobName(data)}.`)
    this.#timeline.began(data.saga)
    if (stepMs !== undefined) await sleep(stepMs)
    const settled = this.#settled(data.saga, transition, id, claim)
    if (settled === undefined) return
    const ready = { sagaId: data.saga, transition, ...settled }
    if (transactional?.includes(data.step) === true) this.#transact(ready)
    else this.#commitSoon(ready)
  }

  /** `undefined` while other jobs of the same transition have to run. */
  #settled(sagaId: string, transition: TapeTransition, job: string, claim: Claim): Gathered | undefined {
    if (transition.settles.length === 1) return { jobs: [job], claims: [claim] }
    const key = `${sagaId}:${transition.from}`
    const gathered = this.#gathered.get(key) ?? { jobs: [], claims: [] }
    gathered.jobs.push(job)
    gathered.claims.push(claim)
    this.#gathered.set(key, gathered)
    if (gathered.jobs.length < transition.settles.length) return undefined
    this.#gathered.delete(key)
    return gathered
  }

  #commitSoon(ready: Ready): void {
    this.#ready.push(ready)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#ready.length > 0) {
      const lane = this.#idle.pop()
      if (lane === undefined) return
      const batch = this.#ready.splice(0, this.#options.maxBatch)
      const { text, values } = this.#statements.commit(batch, settledClaims(batch), this.#id)
      void lane.query(text, values).then(() => {
        this.#idle.push(lane)
        this.#committed(batch)
        this.#pump()
      })
    }
  }

  /** The app's own statement, then everything else, then COMMIT: as many transactions as there are connections. */
  #transact(ready: Ready): void {
    const client = this.#transactions.pop()
    if (client === undefined) return void this.#awaiting.push(ready)
    void this.#transaction(client, ready).then(() => {
      this.#transactions.push(client)
      const next = this.#awaiting.shift()
      if (next !== undefined) this.#transact(next)
      this.#committed([ready])
    })
  }

  async #transaction(client: pg.Client, ready: Ready): Promise<void> {
    const step = ready.transition.settles[0]?.split(':')[0]
    await Promise.all([client.query('begin'), client.query(APP_WRITE, [ready.sagaId, step])])
    const { text, values } = this.#statements.commit([ready], settledClaims([ready]), this.#id)
    await Promise.all([client.query(text, values), client.query('commit')])
  }

  #committed(batch: readonly Ready[]): void {
    for (const { sagaId, transition, jobs } of batch) {
      this.#running -= jobs.length
      if (transition.isLast) this.#timeline.ended(sagaId)
    }
    this.#kick()
  }
}

/** Those of which these are the last jobs. */
function settledClaims(batch: readonly Ready[]): readonly string[] {
  const settled: string[] = []
  for (const { claims } of batch) {
    for (const claim of claims) {
      claim.open -= 1
      if (claim.open === 0) settled.push(claim.id)
    }
  }
  return settled
}
