/** A line to the server that can go dead while both ends think that it is there. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

export type Line = {
  readonly connectionString: string
  /** What is connected now hears nothing more, in either direction, and is told nothing. New connections work. */
  goDead(): void
  close(): Promise<void>
}

export async function openLine(server: string): Promise<Line> {
  const url = new URL(server)
  const pairs = new Set<readonly [Socket, Socket]>()
  const listener = createServer((near) => {
    const far = connect(Number(url.port), url.hostname)
    const pair = [near, far] as const
    pairs.add(pair)
    near.pipe(far)
    far.pipe(near)
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on('error', () => {})
      one.on('close', () => {
        // A dead line does not tell the other end either.
        if (pairs.delete(pair)) other.destroy()
      })
    }
  })
  const dead = new Set<Socket>()
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve)
  })
  const near = new URL(server)
  near.hostname = '127.0.0.1'
  near.port = String((listener.address() as AddressInfo).port)
  return {
    connectionString: near.href,
    goDead() {
      for (const pair of pairs) {
        pairs.delete(pair)
        for (const socket of pair) {
          socket.unpipe()
          socket.pause()
          dead.add(socket)
        }
      }
    },
    async close() {
      for (const socket of [...dead, ...[...pairs].flat()]) socket.destroy()
      await new Promise((resolve) => {
        listener.close(resolve)
      })
    },
  }
}
