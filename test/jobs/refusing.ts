/** Connections that cannot be opened, for a reason that no list of words foresees. */
import pg from 'pg'

type Connect = (...args: unknown[]) => unknown

/** Refuses this many connections of that application; the others are let in. */
export function refuseConnections(application: string, times: number): Disposable & { readonly refused: number } {
  const connect = Object.getOwnPropertyDescriptor(pg.Client.prototype, 'connect')?.value as Connect
  const state = { refused: 0 }
  pg.Client.prototype.connect = function (this: pg.Client, ...args: unknown[]) {
    const { connectionParameters } = this as unknown as { connectionParameters: { application_name?: string } }
    const name = connectionParameters.application_name ?? ''
    if (!name.startsWith(application) || state.refused === times) {
      return connect.apply(this, args)
    }
    state.refused += 1
    const error = new Error('the moon is in the wrong house')
    const [callback] = args
    return typeof callback === 'function' ? process.nextTick(callback, error) : Promise.reject(error)
  } as typeof pg.Client.prototype.connect
  return {
    get refused() {
      return state.refused
    },
    [Symbol.dispose]() {
      Object.assign(pg.Client.prototype, { connect })
    },
  }
}
