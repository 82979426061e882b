/** The dashboard as a plugin of Fastify, which leaves the path whole, and takes no forms unless it is told to. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DashboardOptions } from '../options.ts'
import { cleanBase, doorway } from './door.ts'

export type FastifyRequest = { readonly raw: IncomingMessage }

export type FastifyReply = {
  readonly raw: ServerResponse
  hijack(): unknown
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
}

/** What of Fastify is used here. */
export type FastifyScope = {
  readonly prefix: string
  removeAllContentTypeParsers(): unknown
  /** See `AddParser`; of its many types none is the only one. */
  addContentTypeParser(...parameters: never[]): unknown
  addHook(name: 'preClose', then: (done: () => void) => void): unknown
  all(url: string, answer: (request: FastifyRequest, reply: FastifyReply) => Promise<void>): unknown
}

type AddParser = (
  contentType: string,
  parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
) => unknown

/**
 * `app.register(fastifyDashboard({ client, authenticate }), { prefix: '/admin/sagas' })`. `authenticate` gets Fastify's
 * request. Hooks of yours run up to `preHandler`, and `onResponse`; what they have set as headers is sent along.
 */
export function fastifyDashboard(options: DashboardOptions): (fastify: FastifyScope) => Promise<void> {
  const leaving = new AbortController()
  const closing = options.closing === undefined ? leaving.signal : AbortSignal.any([leaving.signal, options.closing])
  const enter = doorway({ ...options, closing })
  return async (fastify) => {
    fastify.addHook('preClose', (done) => {
      leaving.abort()
      done()
    })
    // Of this plugin only: Fastify keeps them apart. The form is left where it is, for the app to read.
    fastify.removeAllContentTypeParsers()
    const addParser = fastify.addContentTypeParser.bind(fastify) as AddParser
    addParser('*', (_request, _payload, done) => done(null))
    const answer = async (request: FastifyRequest, reply: FastifyReply) => {
      reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      const base = baseIn(request.raw.url ?? '', fastify.prefix)
      await enter({ incoming: request.raw, outgoing: reply.raw, host: request, base })
    }
    fastify.all('/', answer)
    fastify.all('/*', answer)
  }
}

/** The beginning of the path that the prefix stands for, which may have parameters. */
function baseIn(path: string, prefix: string): string {
  const depth = cleanBase(prefix).split('/').length
  return cleanBase((path.split('?')[0] ?? '').split('/').slice(0, depth).join('/'))
}
