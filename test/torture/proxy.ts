/**
 * Lines between clients and Postgres. The address stays when the server moves, and a line can be told to cut off the
 * answer to the next statement of a kind: the server has done it, and nobody hears of it.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { ClientFrames, type Frame } from './wire.ts'

export type Cut = {
  /** How the connection is called: the beginning of its `application_name`. */
  readonly application: string
  readonly statement: RegExp
  /** The client is cut off first, and the server is given the statement so much later. */
  readonly lateMs?: number
}

type Order = Cut & { readonly done: () => void }

export class Line {
  readonly #listener: Server
  readonly #target: () => number
  readonly #sockets = new Set<Socket>()
  #orders: Order[] = []
  #isBlocked = false

  private constructor(target: () => number) {
    this.#target = target
    this.#listener = createServer((near) => (this.#isBlocked ? near.destroy() : this.#carry(near)))
  }

  /** @param target the port of the server, wherever it is now. */
  static async open(target: () => number): Promise<Line> {
    const line = new Line(target)
    await new Promise<void>((resolve) => {
      line.#listener.listen(0, '127.0.0.1', resolve)
    })
    return line
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  /** Resolves when it has happened, or the line is closed. */
  cut(cut: Cut): Promise<void> {
    return new Promise((resolve) => {
      this.#orders.push({ ...cut, done: resolve })
    })
  }

  /** Whether nobody gets through any more, until it is said otherwise. What is connected stays. */
  block(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
  }

  /** Ends what is connected now. */
  sever(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    // What has not been cut so far is not cut any more.
    for (const { done } of this.#orders.splice(0)) done()
    this.sever()
    await new Promise((resolve) => {
      this.#listener.close(resolve)
    })
  }

  #carry(near: Socket): void {
    const far = connect({ port: this.#target(), host: '127.0.0.1', noDelay: true })
    near.setNoDelay(true)
    const frames = new ClientFrames()
    let isCut = false
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => {})
      one.on('drain', () => other.resume())
      one.on('close', () => {
        this.#sockets.delete(one)
        if (!isCut) other.destroy()
      })
    }
    near.on('data', (chunk: Buffer) => {
      for (const frame of frames.of(chunk)) {
        if (isCut) return
        const order = this.#orderFor(frames.application, frame)
        if (order !== undefined) {
          isCut = true
          cutOff(near, far, frame, order)
        } else if (!far.write(frame.bytes)) near.pause()
      }
    })
    far.on('data', (chunk: Buffer) => {
      if (!isCut && !near.write(chunk)) far.pause()
    })
  }

  #orderFor(application: string, { statement }: Frame): Order | undefined {
    if (statement === undefined || this.#orders.length === 0) return undefined
    const order = this.#orders.find((one) => application.startsWith(one.application) && one.statement.test(statement))
    if (order !== undefined) this.#orders = this.#orders.filter((one) => one !== order)
    return order
  }
}

/** Everything before this statement has been answered: what comes next is its answer, and the proof that it was done. */
function cutOff(near: Socket, far: Socket, { bytes }: Frame, { lateMs, done }: Order): void {
  const end = () => {
    far.destroy()
    near.destroy()
  }
  far.once('data', end)
  far.once('close', () => {
    near.destroy()
    done()
  })
  if (lateMs === undefined) {
    far.write(bytes)
  } else {
    near.destroy()
    setTimeout(() => far.write(bytes), lateMs)
  }
}
