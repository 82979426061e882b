/**
 * The worker's own session: while it lives and holds its advisory lock, the worker is alive for the others.
 *
 * 1. A worker that loses its session stops fetching at once. It opens another, and takes its lock again under its epoch.
 * 2. If it was taken over meanwhile, everything it still runs is aborted, and it goes on as a new worker.
 * 3. What it fetched belongs to its epoch: a claim under an old epoch is refused by the database.
 */
import { hostname } from 'node:os'
import { newId } from '../engine/runtime/ids.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { heartbeat, registerWorker, removeWorker, tryOwnerLock } from '../engine/store/workers.ts'
import { Backoff } from './backoff.ts'
import { Session } from './sessions.ts'
import { channelOf } from './wake-up.ts'

const HEARTBEAT_MS = 3_000

export type OwnerOptions = {
  /** Not through a pooler in transaction mode: the lock and LISTEN need a session. */
  readonly connectionString: string
  readonly schema: string
  readonly build: string | null
  readonly definitions: readonly string[]
  readonly logger: Logger
  /** Somebody enqueued something. */
  readonly onWake: () => void
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
  #alive = false
  #closed = false
  #beat: NodeJS.Timeout | undefined
  /** Counts the sessions: an observer only trusts what it saw within one. */
  #generation = 0
  #aliveSince = 0

  constructor(options: OwnerOptions) {
    this.#options = options
    this.#session = this.#newSession()
  }

  get identity(): Identity {
    if (this.#identity === undefined) throw new Error('The worker is not registered yet.')
    return this.#identity
  }

  get isAlive(): boolean {
    return this.#alive
  }

  get generation(): number {
    return this.#generation
  }

  /** For how long this session has lived, in ms. */
  get aliveMs(): number {
    return this.#alive ? performance.now() - this.#aliveSince : 0
  }

  get session(): Session {
    return this.#session
  }

  async open(): Promise<void> {
    await this.#register()
    this.#beat = setInterval(() => void this.#heartbeat(), HEARTBEAT_MS)
  }

  /** @returns whether nothing of it was left to be taken over. */
  async close(): Promise<boolean> {
    this.#closed = true
    this.#alive = false
    clearInterval(this.#beat)
    this.#backoff.cancel()
    let clean = false
    try {
      clean = await removeWorker(await this.#session.db(), this.#options.schema, this.identity.id)
    } catch (error) {
      this.#options.logger.warn({ error: String(error) }, 'the worker could not sign off; it will be taken over')
    }
    await this.#session.close()
    return clean
  }

  #newSession(): Session {
    const session: Session = new Session(this.#options.connectionString, 'pg-saga owner', () => {
      if (session === this.#session) this.#lost()
    })
    return session
  }

  async #register(): Promise<void> {
    const { schema, build, definitions } = this.#options
    const db = await this.#session.db()
    const id = newId()
    const { epoch, lockKey } = await registerWorker(db, schema, {
      id,
      host: hostname(),
      pid: process.pid,
      build,
      holdsLock: true,
      definitions,
    })
    this.#identity = { id, epoch }
    this.#lockKey = lockKey
    await this.#takeLock()
  }

  async #takeLock(): Promise<void> {
    const client = await this.#session.client()
    const db = await this.#session.db()
    if (!(await tryOwnerLock(db, this.#lockKey)))
      throw new Error('The lock of this worker is still held by its old session.')
    client.on('notification', () => this.#options.onWake())
    await client.query(`listen ${channelOf(this.#options.schema)}`)
    this.#generation += 1
    this.#aliveSince = performance.now()
    this.#alive = true
    this.#backoff.reset()
  }

  #lost(): void {
    if (!this.#alive || this.#closed) return
    this.#alive = false
    this.#options.logger.warn({ worker: this.identity.id }, 'the worker lost its session and stops fetching')
    this.#options.onLost()
    this.#retry()
  }

  #retry(): void {
    this.#backoff.wait(() => void this.#comeBack())
  }

  async #comeBack(): Promise<void> {
    if (this.#closed) return
    try {
      this.#session = this.#newSession()
      const db = await this.#session.db()
      if (await heartbeat(db, this.#options.schema, this.identity.id, this.identity.epoch)) {
        await this.#takeLock()
        this.#options.logger.info({ worker: this.identity.id }, 'the worker has its session again')
        this.#options.onBack()
      } else {
        this.#options.onTakenOver()
        await this.#register()
        this.#options.logger.warn({ worker: this.identity.id }, 'the worker was taken over and goes on under a new id')
        this.#options.onBack()
      }
    } catch (error) {
      this.#session.drop()
      this.#options.logger.debug({ error: String(error) }, 'no session yet')
      this.#retry()
    }
  }

  async #heartbeat(): Promise<void> {
    if (!this.#alive) return
    try {
      const { id, epoch } = this.identity
      const isWho = await heartbeat(await this.#session.db(), this.#options.schema, id, epoch)
      if (!isWho && this.#alive) {
        // Thought dead, for example because the process stood still for longer than the lease.
        this.#alive = false
        this.#options.onLost()
        this.#session.drop()
        this.#retry()
      }
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'a heartbeat failed')
    }
  }
}
