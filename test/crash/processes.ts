/** Worker processes, and the signals that tests wait for. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

export type Message = { readonly type: string; readonly [key: string]: unknown }

export class WorkerProcess {
  readonly child: ChildProcess
  readonly messages: Message[] = []
  readonly exited: Promise<void>
  readonly #waiting = new Set<() => void>()

  /** @param launch a program, with its arguments, that starts Node as it is told behind them; Node itself by default. */
  constructor(
    script: string,
    args: readonly string[],
    execArgv: readonly string[] = process.execArgv,
    launch: readonly string[] = [],
  ) {
    const [execPath, ...before] = launch.length === 0 ? [process.execPath] : [...launch, process.execPath]
    this.child = fork(join(import.meta.dirname, script), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...(execPath === undefined ? {} : { execPath }),
      execArgv: [...before, ...execArgv],
    })
    this.exited = new Promise((resolve) => {
      this.child.once('exit', () => {
        for (const wake of this.#waiting) wake()
        resolve()
      })
    })
    this.child.on('message', (message: Message) => {
      this.messages.push(message)
      for (const wake of this.#waiting) wake()
    })
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Resolves with the first message of that type; rejects when the process ends without one. */
  async message(type: string): Promise<Message> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type)
      if (found !== undefined) return found
      if (!this.isRunning) throw new Error(`The worker ended without saying "${type}".`)
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.child.send('stop')
    await this.exited
  }
}
