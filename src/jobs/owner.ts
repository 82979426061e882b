/**
 * The worker's own session: while it lives and holds its advisory lock, the worker is alive for the others.
 *
 * 1. A worker that loses its session stops fetching at once. It opens another, and takes its lock again under its epoch.
 * 2. If it was taken over meanwhile, it goes on as a new worker. What it still runs is finished, and its reports are late
 *    (docs/decisions/0003).
 * 3. What it fetched belongs to its epoch: a claim under an old epoch is refused by the database.
 * 4. If its old session lives on in the server and keeps the lock, because only this end knows that the line is dead, it
 *    does not wait for hours: it goes on under a new id, and takes along what it has claimed.
 */
import { hostname } from 'node:os'
import { newId } from '../engine/runtime/ids.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import {
  heartbeat,
  insertClaim,
  readClaims,
  registerWorker,
  removeClaims,
  removeWorker,
  takeOver,
  tryOwnerLock,
} from '../engine/store/workers.ts'
import { Backoff } from './backoff.ts'
import { withTimeout } from './patience.ts'
import { keepsItsSession } from './session-probe.ts'
import { inSessionTransaction, Session } from './sessions.ts'
import { channelOf, type Wake } from './wake-up.ts'

const HEARTBEAT_MS = 3_000
/** A heartbeat without an answer for this long: the session is given up, well before the lease is over. */
const ANSWER_WITHIN_MS = 8_000
/** How long a lock of our own that the old session keeps is waited for. */
const WAIT_FOR_LOCK_MS = 10_000
/** Signing off is a courtesy: whoever is not heard is taken over. */
const SIGN_OFF_WITHIN_MS = 5_000
/** Heartbeats further apart than this say that the database, or this process, stood still in between. */
const GAP_MS = 3 * HEARTBEAT_MS
const MANY_CLAIMS = 100_000

export type OwnerOptions = {
  /** Not through a pooler in transaction mode: the lock and LISTEN need a session. */
  readonly connectionString: string
  readonly schema: string
  readonly build: string | null
  readonly definitions: readonly string[]
  readonly logger: Logger
  /** Somebody enqueued something. */
  readonly onWake: (why: Wake) => void
  readonly onLost: () => void
  readonly onBack: () => void
  readonly onTakenOver: () => void
}

export type Identity = { readonly id: string; readonly epoch: number }

export class Owner {
  readonly #options: OwnerOptions
  readonly #backoff = new Backoff()
  #session: Session
  #identity: Identity | undefined
  #lockKey = 0
  #holdsLock = true
  #alive = false
  #closed = false
  #beat: NodeJS.Timeout | undefined
  #beating = false
  #comingBack: Promise<void> | undefined
  /** Counts the sessions: an observer only trusts what it saw within one. */
  #generation = 0
  #steadySince = 0
  #lastBeat = 0
  #lockHeldSince: number | undefined

  constructor(options: OwnerOptions) {
    this.#options = options
    this.#session = this.#newSession()
  }

  get identity(): Identity {
    if (this.#identity === undefined) throw new Error('The worker is not registered yet.')
    return this.#identity
  }

  /** Whether its session is its own: then it hears of new work too. */
  get holdsLock(): boolean {
    return this.#holdsLock
  }

  get isAlive(): boolean {
    return this.#alive
  }

  get generation(): number {
    return this.#generation
  }

  /** For how long this session has lived, with heartbeats that came as they should, in ms. */
  get steadyMs(): number {
    const now = performance.now()
    return this.#alive && now - this.#lastBeat < GAP_MS ? now - this.#steadySince : 0
  }

  /** Can be repeated after it failed. */
  async open(): Promise<void> {
    this.#closed = false
    this.#session = this.#newSession()
    this.#holdsLock = await keepsItsSession(this.#session, this.#newSession)
    if (!this.#holdsLock) {
      this.#options.logger.warn(
        {},
        'sessions are shared here, as behind a pooler in transaction mode: this worker is known to live by its heartbeat alone, and hears of new work by polling. Give it a direct connection.',
      )
    }
    await this.#register()
    this.#beat = setInterval(() => this.check(), HEARTBEAT_MS)
  }

  /** @returns whether nothing of it was left to be taken over. */
  async close(): Promise<boolean> {
    this.#closed = true
    this.#alive = false
    clearInterval(this.#beat)
    this.#backoff.cancel()
    try {
      const signedOff = this.#signOff()
      if (!(await withTimeout(signedOff, SIGN_OFF_WITHIN_MS))) throw new Error('The database does not answer.')
      return await signedOff
    } catch (error) {
      this.#options.logger.warn({ error: String(error) }, 'the worker could not sign off; it will be taken over')
      return false
    } finally {
      await this.#session.close()
    }
  }

  /** What is coming back sees that it is closed, and may have taken another name before that. */
  async #signOff(): Promise<boolean> {
    await this.#comingBack
    if (this.#identity === undefined) return true
    return removeWorker(await this.#session.db(), this.#options.schema, this.#identity.id)
  }

  /** Gives a sign of life, and finds out whether this worker still is who it was. */
  check(): void {
    void this.#heartbeat()
  }

  readonly #newSession = (): Session => {
    const session: Session = new Session(this.#options.connectionString, 'pg-saga owner', {
      onLost: () => {
        if (session === this.#session) this.#lost()
      },
      answerWithinMs: ANSWER_WITHIN_MS,
      noticedSoon: true,
    })
    return session
  }

  async #register(): Promise<void> {
    const db = await this.#session.db()
    if (this.#closed) return
    this.#becomes(await this.#insert(db))
    await this.#takeLock()
  }

  async #insert(db: Db): Promise<Identity & { readonly lockKey: number }> {
    const { schema, build, definitions } = this.#options
    const id = newId()
    const worker = { id, host: hostname(), pid: process.pid, build, holdsLock: this.#holdsLock, definitions }
    return { id, ...(await registerWorker(db, schema, worker)) }
  }

  #becomes({ id, epoch, lockKey }: Identity & { readonly lockKey: number }): void {
    this.#identity = { id, epoch }
    this.#lockKey = lockKey
  }

  async #takeLock(): Promise<void> {
    if (!(await this.#tryLock())) throw new Error('The lock of this worker is held by another session.')
  }

  /** @returns whether this worker counts as alive from now on. */
  async #tryLock(): Promise<boolean> {
    if (this.#holdsLock) {
      const client = await this.#session.client()
      const db = await this.#session.db()
      if (!(await tryOwnerLock(db, this.#lockKey))) return false
      client.on('notification', ({ payload }) => this.#options.onWake(payload === 'line' ? 'line' : 'jobs'))
      await db.executeSql(`listen ${channelOf(this.#options.schema)}`)
    }
    if (this.#closed) return false
    this.#generation += 1
    this.#lastBeat = performance.now()
    this.#steadySince = this.#lastBeat
    this.#lockHeldSince = undefined
    this.#alive = true
    this.#backoff.reset()
    return true
  }

  #lost(): void {
    if (!this.#alive || this.#closed) return
    this.#alive = false
    this.#options.logger.warn({ worker: this.identity.id }, 'the worker lost its session and stops fetching')
    this.#options.onLost()
    this.#retry()
  }

  #retry(): void {
    if (this.#closed) return
    this.#backoff.wait(() => {
      this.#comingBack = this.#comeBack()
    })
  }

  async #comeBack(): Promise<void> {
    if (this.#closed) return
    const { schema, logger, onBack, onTakenOver } = this.#options
    try {
      this.#session = this.#newSession()
      const { id, epoch } = this.identity
      const isWho = await heartbeat(await this.#session.db(), schema, id, epoch)
      if (this.#closed) return
      if (!isWho) {
        onTakenOver()
        await this.#register()
        logger.warn({ worker: this.identity.id }, 'the worker was taken over and goes on under a new id')
      } else if (await this.#tryLock()) {
        logger.info({ worker: id }, 'the worker has its session again')
      } else {
        if (this.#closed) return
        this.#lockHeldSince ??= performance.now()
        if (performance.now() - this.#lockHeldSince < WAIT_FOR_LOCK_MS)
          throw new Error('The lock of this worker is still held by its old session.')
        await this.#goOnAsAnother()
        logger.warn({ worker: this.identity.id, old: id }, 'an old session keeps its lock: it goes on under a new id')
      }
      if (!this.#closed) onBack()
    } catch (error) {
      this.#session.drop()
      logger.debug({ error: String(error) }, 'no session yet')
      this.#retry()
    }
  }

  /**
   * A new id, and the claims of the old one with it, in one transaction: nobody can take over what still runs here.
   * Raising the old epoch keeps out a fetch that is under way, and loses against somebody else's takeover: then nothing
   * is left to take along, and what still runs is late.
   */
  async #goOnAsAnother(): Promise<void> {
    const { schema, onTakenOver } = this.#options
    const old = this.identity
    const { next, isOurs } = await inSessionTransaction(this.#session, async (db) => {
      const next = await this.#insert(db)
      const isOurs = await takeOver(db, schema, old)
      if (isOurs) {
        const claims = await readClaims(db, schema, old.id, MANY_CLAIMS)
        await removeClaims(
          db,
          schema,
          claims.map((claim) => claim.id),
        )
        for (const { id, jobs } of claims)
          await insertClaim(db, schema, { id, jobs, workerId: next.id, epoch: next.epoch })
        await removeWorker(db, schema, old.id)
      }
      return { next, isOurs }
    })
    this.#becomes(next)
    if (!isOurs) onTakenOver()
    await this.#takeLock()
  }

  async #heartbeat(): Promise<void> {
    if (!this.#alive || this.#beating) return
    this.#beating = true
    try {
      const { id, epoch } = this.identity
      const isWho = await heartbeat(await this.#session.db(), this.#options.schema, id, epoch)
      if (!this.#alive) return
      if (isWho) {
        const now = performance.now()
        if (now - this.#lastBeat >= GAP_MS) this.#steadySince = now
        this.#lastBeat = now
      } else {
        // Thought dead, for example because the process stood still for longer than the lease.
        this.#alive = false
        this.#options.onLost()
        this.#session.drop()
        this.#retry()
      }
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'a heartbeat failed')
    } finally {
      this.#beating = false
    }
  }
}
