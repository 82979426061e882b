/** The worker processes: each has a line of its own to the server, and tells what happens to it. */
import { join } from 'node:path'
import { type Message, WorkerProcess } from '../crash/processes.ts'
import { Line } from './proxy.ts'
import type { TortureServer } from './server.ts'

const SCRIPT = join('..', 'torture', 'worker-process.ts')
/** Before everything else, so that nobody has the right clock. */
const FIRST = ['--import', new URL('skew.ts', import.meta.url).href]
const LOG_LINES = 60
/** Longer than its grace period and everything that follows. */
const STOP_WITHIN_MS = 30_000

/** What was said by a worker, and when: by the clock that only measures. */
export type Said = { readonly at: number; readonly member: Member; readonly message: Message }

export class Member {
  readonly number: number
  readonly process: WorkerProcess
  readonly line: Line | undefined
  readonly log: string[] = []
  /** What it is called in the database, as far as it has said so. */
  id = ''
  /** A fault counts on its living on: no other one may end it. */
  isSpared = false
  /** Somebody has ended it, or told it to end. */
  mayEnd = false

  constructor(number: number, process: WorkerProcess, line: Line | undefined, hear: (said: Said) => void) {
    this.number = number
    this.process = process
    this.line = line
    const tell = (message: Message) => hear({ at: performance.now(), member: this, message })
    process.child.on('message', (message: Message) => {
      if (typeof message['by'] === 'string') this.id = message['by']
      if (message.type === 'log') this.#keep(String(message['line']))
      else tell(message)
    })
    process.child.on('exit', () => tell({ type: this.mayEnd ? 'gone' : 'died' }))
  }

  get pid(): number {
    return this.process.child.pid ?? 0
  }

  skew(ms: number): void {
    this.process.child.send({ skewMs: ms })
  }

  #keep(line: string): void {
    this.log.push(`${new Date().toISOString().slice(11, 23)} ${line}`)
    if (this.log.length > LOG_LINES) this.log.shift()
  }
}

export class Crew {
  readonly members: Member[] = []
  /** Everything that was said in this round. */
  said: Said[] = []
  readonly #server: TortureServer
  readonly #ledgerPort: number
  readonly #listeners = new Set<() => void>()
  #count = 0
  #disturbedAt = Number.NEGATIVE_INFINITY

  constructor(server: TortureServer, ledgerPort: number) {
    this.#server = server
    this.#ledgerPort = ledgerPort
  }

  /** Resolves when it is ready. */
  async start(): Promise<Member> {
    const line = await Line.open(() => this.#server.port)
    const connectionString = this.#server.connectionString({ port: line.port })
    return this.#begin(
      new WorkerProcess(SCRIPT, [connectionString, `http://127.0.0.1:${this.#ledgerPort}`], FIRST),
      line,
    )
  }

  /** On another host, so to speak: `launch` is the program that starts Node there, and `host` where that finds this one. */
  async startApart(launch: readonly [string, ...string[]], host: string): Promise<Member> {
    const args = [this.#server.connectionString({ host }), `http://${host}:${this.#ledgerPort}`]
    return this.#begin(new WorkerProcess(SCRIPT, args, FIRST, launch), undefined)
  }

  async #begin(process: WorkerProcess, line: Line | undefined): Promise<Member> {
    this.#count += 1
    const member = new Member(this.#count, process, line, (said) => {
      this.said.push(said)
      if (said.message.type.startsWith('session_')) this.#disturbedAt = said.at
      for (const listener of this.#listeners) listener()
    })
    this.members.push(member)
    await process.message('ready')
    return member
  }

  /** A round begins. */
  forget(): void {
    this.said = []
    for (const member of this.members) {
      member.log.length = 0
      member.isSpared = false
    }
  }

  /** For how long nobody has lost or found a session. */
  get quietForMs(): number {
    return performance.now() - this.#disturbedAt
  }

  /** The first that fits of what has been said in this round, or will be. Undefined when nothing is for so long. */
  async hear(fits: (said: Said) => boolean, withinMs: number): Promise<Said | undefined> {
    const found = this.said.find(fits)
    if (found !== undefined) return found
    return new Promise((resolve) => {
      const answer = (said: Said | undefined) => {
        this.#listeners.delete(look)
        clearTimeout(limit)
        resolve(said)
      }
      const look = () => {
        const last = this.said.at(-1)
        if (last !== undefined && fits(last)) answer(last)
      }
      const limit = setTimeout(() => answer(undefined), withinMs)
      this.#listeners.add(look)
    })
  }

  /** One that has jobs in its hands now, and that nobody else counts on; undefined when there is none. */
  async busy(): Promise<Member | undefined> {
    const rows = await this.#server.query<{ pid: number }>(
      'select w.pid from saga.saga_claim c join saga.saga_worker w on w.id = c.worker_id group by 1 order by count(*) desc',
    )
    const pids = rows.map((row) => row.pid)
    return this.members
      .filter((member) => pids.includes(member.pid) && !member.isSpared)
      .sort((one, other) => pids.indexOf(one.pid) - pids.indexOf(other.pid))[0]
  }

  async kill(member: Member): Promise<void> {
    this.#leave(member)
    await member.process.kill()
    await member.line?.close()
  }

  async stop(member: Member): Promise<void> {
    this.#leave(member)
    const limit = setTimeout(() => member.process.child.kill('SIGKILL'), STOP_WITHIN_MS)
    await member.process.stop()
    clearTimeout(limit)
    await member.line?.close()
  }

  #leave(member: Member): void {
    member.mayEnd = true
    const place = this.members.indexOf(member)
    if (place >= 0) this.members.splice(place, 1)
  }
}
