/** The worker processes: started, listened to, killed, stopped. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { WorkerMessage } from './worker.ts'

/** Where everything is that a worker needs; by its environment, because everybody can read a command line. */
export type Places = {
  readonly DATABASE_URL: string
  readonly PAYMENT_URL: string
  readonly SHIPPING_URL: string
}

/** Longer than their own drain takes. */
const STOP_LIMIT_MS = 10_000

export class WorkerProcess {
  readonly number: number
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  /** Steps that it has fetched and not settled, as it said last. */
  held = 0
  #isExpectedToEnd = false

  constructor(number: number, places: Places, listen: (message: WorkerMessage) => void) {
    this.number = number
    this.#child = fork(join(import.meta.dirname, 'worker.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...places },
    })
    this.#exited = once(this.#child, 'exit').then(() => {
      if (!this.#isExpectedToEnd) listen({ type: 'trouble', message: 'ended by itself' })
    })
    this.#child.on('message', (message: WorkerMessage) => {
      if (message.type === 'holds') this.held = message.steps
      listen(message)
    })
  }

  async kill(): Promise<void> {
    this.#isExpectedToEnd = true
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Lets it finish what it has begun. */
  async stop(): Promise<void> {
    this.#isExpectedToEnd = true
    if (this.#child.connected) this.#child.send('stop')
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS)
    await this.#exited
    clearTimeout(limit)
  }
}

type Listener = (worker: WorkerProcess, message: WorkerMessage) => void

export class WorkerProcesses {
  readonly #places: Places
  readonly #listeners = new Set<Listener>()
  readonly #running = new Set<WorkerProcess>()
  #count = 0

  constructor(places: Places) {
    this.#places = places
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves with the first message that fits. */
  async next(fits: (message: WorkerMessage, worker: WorkerProcess) => boolean): Promise<WorkerProcess> {
    return new Promise((resolve) => {
      const ignore = this.listen((worker, message) => {
        if (!fits(message, worker)) return
        ignore()
        resolve(worker)
      })
    })
  }

  /** Starts one more. Resolves when it runs steps. */
  async start(): Promise<WorkerProcess> {
    this.#count += 1
    const worker = new WorkerProcess(this.#count, this.#places, (message) => {
      for (const listener of this.#listeners) listener(worker, message)
    })
    this.#running.add(worker)
    await this.next((message, from) => from === worker && (message.type === 'ready' || message.type === 'trouble'))
    return worker
  }

  async kill(worker: WorkerProcess): Promise<void> {
    this.#running.delete(worker)
    await worker.kill()
  }

  async stop(): Promise<void> {
    const running = [...this.#running]
    this.#running.clear()
    await Promise.all(running.map((worker) => worker.stop()))
  }
}
