/** The worker processes of one measurement. */
import { type ChildProcess, fork } from 'node:child_process'
import type { FromWorker, Timeline, ToWorker } from './serve.ts'

export type Left = { readonly cpuMs: number; readonly rssBytes: number; readonly moments: Timeline['moments'] }

const LIMIT_MS = 120_000

export class Fleet {
  readonly #workers: WorkerProcess[]

  /** @param script of a program that calls `serveWorker`. */
  constructor(count: number, script: string, settings: object) {
    this.#workers = Array.from({ length: count }, () => new WorkerProcess(script, settings))
  }

  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.next('ready')))
  }

  /** @returns when the last of them had begun to fetch. */
  async go(): Promise<number> {
    const started = await Promise.all(this.#workers.map((worker) => worker.ask('go', 'started')))
    return Math.max(...started.map((one) => one.at))
  }

  /** Resolves when so many sagas have ended, all workers together. */
  async ended(sagas: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`Only ${this.#done} of ${sagas} sagas have ended.`)), LIMIT_MS)
      const look = () => {
        if (this.#done < sagas) return
        clearTimeout(limit)
        resolve()
      }
      for (const worker of this.#workers) {
        worker.onDone = look
        worker.child.once('exit', () => {
          clearTimeout(limit)
          reject(new Error('A worker process ended.'))
        })
      }
      look()
    })
  }

  async stop(): Promise<readonly Left[]> {
    return Promise.all(this.#workers.map((worker) => worker.ask('stop', 'left')))
  }

  /** Whatever state they are in. */
  kill(): void {
    for (const { child } of this.#workers) if (child.exitCode === null) child.kill('SIGKILL')
  }

  get #done(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.done, 0)
  }
}

class WorkerProcess {
  readonly child: ChildProcess
  done = 0
  onDone: () => void = () => {}
  readonly #told: FromWorker[] = []
  #waiting: (() => void)[] = []
  #exited = false

  constructor(script: string, settings: object) {
    this.child = fork(script, [JSON.stringify(settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.child.on('message', (message: FromWorker) => {
      this.#told.push(message)
      if (message.type === 'done') {
        this.done = message.done
        this.onDone()
      }
      this.#wake()
    })
    this.child.once('exit', () => {
      this.#exited = true
      this.#wake()
    })
  }

  async ask<Type extends FromWorker['type']>(
    what: ToWorker,
    answer: Type,
  ): Promise<Extract<FromWorker, { type: Type }>> {
    this.child.send(what)
    return this.next(answer)
  }

  async next<Type extends FromWorker['type']>(type: Type): Promise<Extract<FromWorker, { type: Type }>> {
    for (;;) {
      const found = this.#told.find((message) => message.type === type)
      if (found !== undefined) return found as Extract<FromWorker, { type: Type }>
      if (this.#exited) throw new Error(`A worker process ended with ${this.child.exitCode} before it was "${type}".`)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
