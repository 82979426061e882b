/**
 * What a worker process and the one that measures say to each other. A worker is made ready, begins at `go`, tells how
 * many sagas it has ended, and at `stop` tells what it cost.
 */

/** The moments of a process's sagas, in ms of the machine's clock. */
export class Timeline {
  readonly #began = new Map<string, number>()
  readonly #ended = new Map<string, number>()

  static now(): number {
    return performance.timeOrigin + performance.now()
  }

  /** The first of its steps counts. */
  began(sagaId: string): void {
    if (this.#began.has(sagaId)) return
    this.#began.set(sagaId, Timeline.now())
  }

  ended(sagaId: string): void {
    this.#ended.set(sagaId, Timeline.now())
  }

  get done(): number {
    return this.#ended.size
  }

  get moments(): { readonly began: Moments; readonly ended: Moments } {
    return { began: [...this.#began], ended: [...this.#ended] }
  }
}

type Moments = readonly (readonly [sagaId: string, at: number])[]

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'started'; readonly at: number }
  | { readonly type: 'done'; readonly done: number }
  | { readonly type: 'left'; readonly cpuMs: number; readonly rssBytes: number; readonly moments: Timeline['moments'] }

export type ToWorker = 'go' | 'stop'

export type BenchWorker = {
  /** Resolves when it has begun to fetch. */
  start(): Promise<void>
  stop(): Promise<void>
}

const TELL_MS = 5

export function serveWorker(worker: BenchWorker, timeline: Timeline): void {
  const send = (message: FromWorker) => process.send?.(message)
  let told = 0
  let cpu = process.cpuUsage()
  setInterval(() => {
    if (timeline.done === told) return
    told = timeline.done
    send({ type: 'done', done: told })
  }, TELL_MS)
  process.on('message', (message: ToWorker) => {
    void (message === 'go' ? go() : leave())
  })
  process.on('disconnect', () => process.exit(1))
  send({ type: 'ready' })

  async function go(): Promise<void> {
    cpu = process.cpuUsage()
    await worker.start()
    send({ type: 'started', at: Timeline.now() })
  }

  async function leave(): Promise<void> {
    const { user, system } = process.cpuUsage(cpu)
    await worker.stop()
    const { moments } = timeline
    const left: FromWorker = {
      type: 'left',
      cpuMs: (user + system) / 1_000,
      rssBytes: process.memoryUsage.rss(),
      moments,
    }
    process.send?.(left, () => process.exit(0))
  }
}
