/** Who is there: by the host's session, or by a bearer token; and where from. */
import type { Context } from 'hono'
import type { Actor, DashboardOptions } from '../options.ts'
import { type DashboardEnv, DOOR } from '../view.ts'
import { isLocalDeveloper } from './loopback.ts'

const LOCAL_DEVELOPER: Actor = { id: 'local developer', role: 'admin' }

/** `nobody`: the host knows no one. `closed`: it has not said who may come in. A Response of the host's is sent as it is. */
export type WhoIsThere = Actor | Response | 'nobody' | 'closed'

/** What is looked at of a request. */
type Asking = Pick<Context<DashboardEnv>, 'req' | 'env'>

export async function sessionActor(
  c: Asking,
  { authenticate }: Pick<DashboardOptions, 'authenticate'>,
): Promise<WhoIsThere> {
  if (authenticate !== undefined) return knownAs(await authenticate(c.req.raw, hostRequest(c))) ?? 'nobody'
  const door = c.env?.[DOOR]
  const address = door === undefined ? c.env?.incoming?.socket?.remoteAddress : door.remoteAddress
  const isOwn = isLocalDeveloper(address, c.req.raw.headers, hostOf(c), process.env['NODE_ENV'])
  return isOwn ? LOCAL_DEVELOPER : 'closed'
}

/** What a hook has given, if it is somebody: code without types says `undefined` or `false` for nobody as well. */
export function knownAs(given: unknown): Actor | Response | undefined {
  if (given instanceof Response) return given
  if (typeof given !== 'object' || given === null || !('id' in given)) return undefined
  return typeof given.id === 'string' && given.id !== '' ? (given as Actor) : undefined
}

/** The framework's own request, where an adapter knows it; else Hono's context. */
export function hostRequest(c: Asking): unknown {
  return c.env?.[DOOR]?.host ?? c
}

export function hostOf(c: Asking): string {
  return c.req.header('host') ?? new URL(c.req.url).host
}

/**
 * The token of `Authorization: Bearer …`.
 *
 * @returns `undefined` where the header is of another scheme, or not there; `malformed` for what cannot be a token.
 */
export function bearerToken(headers: Headers): string | undefined | { readonly malformed: true } {
  const header = headers.get('authorization')
  if (header === null || !/^bearer(?:\s|$)/i.test(header)) return undefined
  const [, token] = /^bearer +([\w\-.~+/]{1,8192}=*)$/i.exec(header) ?? []
  return token ?? { malformed: true }
}
