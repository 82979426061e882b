/** When the database is not there: one typed error for it, whatever the driver says. */
import { SagaError } from './errors.ts'
import { isConnectionError } from './store/db.ts'

/** Connection errors as one typed error; everything else as it is. */
export function unreachable(error: unknown): unknown {
  if (error instanceof SagaError) return error
  if ((error as { code?: unknown } | undefined)?.code === 'ERR_INVALID_URL') {
    // Without its cause, which carries the whole text, the password included.
    return new SagaError(
      'DATABASE_UNREACHABLE',
      'The connection string is not one: write postgres://user:password@host:port/database, with special characters percent-encoded.',
    )
  }
  if (!isConnectionError(error)) return error
  return new SagaError(
    'DATABASE_UNREACHABLE',
    'The database cannot be reached. Check the connection string and whether the server is up; nothing was stored by this call, unless its answer was lost.',
    {
      cause: error,
    },
  )
}

/** The verbs wait for the first connection, like everything else. */
export function readyFirst<T extends object>(operator: T, ready: () => Promise<void>): T {
  return new Proxy(operator, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        try {
          await ready()
          return await Reflect.apply(value, target, args)
        } catch (error) {
          throw unreachable(error)
        }
      }
    },
  })
}
