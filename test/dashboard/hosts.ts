/** The dashboard in each framework, on a port of this machine, under `/admin/sagas` or `/sagas`: what the contract is held to. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { type Context, Hono } from 'hono'
import {
  type DashboardOptions,
  expressDashboard,
  fastifyDashboard,
  nextDashboard,
  nodeDashboard,
  sagaDashboard,
} from '../../src/dashboard/index.ts'

export const BASE = '/admin/sagas'

/** Also the path of one of our pages. */
const OURS = '/sagas'

export type Open = { readonly url: string; readonly close: () => Promise<void> }

export type Host = {
  readonly name: string
  readonly open: (options: DashboardOptions) => Promise<Open>
  /** The name that whoever looked after sessions has left at the framework's own request. */
  readonly userOf: (host: unknown) => string | undefined
  /** Whether a developer on this machine comes in: not where no socket is shown. */
  readonly knowsSockets: boolean
  /** It zips by itself what is sent plain. */
  readonly zips?: true
  /** What links begin with, where that is not the path that is asked. */
  readonly linksBelow?: string
}

/** A base path of Next's own, which no request has any more when a route sees it. */
const NEXT_BASE = '/site'

/** Whom the header names: in the place of a session. */
const WHO = 'x-test-user'

type Marked = { testUser?: string | undefined }
const marked = (host: unknown) => (host as Marked).testUser
const headerOf = (request: IncomingMessage) => request.headers[WHO] as string | undefined

/** Listens until it is closed; whoever is still connected then is cut off. */
export async function listening(server: Server, base = BASE): Promise<Open> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type HonoEnv = { Variables: { testUser: string | undefined } }

const hono =
  (mounted: (app: Hono<HonoEnv>, options: DashboardOptions) => void, base = BASE) =>
  (options: DashboardOptions) => {
    const app = new Hono<HonoEnv>()
    app.use('*', (c, next) => {
      c.set('testUser', c.req.header(WHO))
      return next()
    })
    mounted(app, options)
    return listening(createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server, base)
  }

const expressBehind =
  (parsers: readonly express.RequestHandler[] = [], base = BASE) =>
  (options: DashboardOptions) => {
    const app = express()
    app.use((request, _response, next) => {
      ;(request as Marked).testUser = headerOf(request)
      next()
    })
    for (const parser of parsers) app.use(parser)
    app.use(base, expressDashboard(options))
    return listening(createServer(app), base)
  }

const fastifyWith =
  (hasParser: boolean, base = BASE) =>
  async (options: DashboardOptions) => {
    const app = fastify()
    app.decorateRequest('testUser', undefined)
    app.addHook('onRequest', async (request, reply) => {
      ;(request as Marked).testUser = headerOf(request.raw)
      reply.header('x-from-a-hook', 'yes')
    })
    if (hasParser) {
      const type = 'application/x-www-form-urlencoded'
      app.addContentTypeParser(type, { parseAs: 'string' }, async (_request: unknown, body: string) => ({ body }))
      app.post('/theirs', async ({ body }) => body)
    }
    await app.register(fastifyDashboard(options), { prefix: base })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}${base}`,
      close: () => {
        app.server.closeAllConnections()
        return app.close()
      },
    }
  }

/** As Next calls a route of `app/admin/sagas/[[...path]]`. */
const next = (hasBase: boolean) => (options: DashboardOptions) => {
  const given = { ...options, ...(hasBase ? { basePath: `${NEXT_BASE}${BASE}` } : {}) }
  const routes = nextDashboard(given as Parameters<typeof nextDashboard>[0])
  const answer = async (request: Request): Promise<Response> => {
    const route = routes[request.method as keyof typeof routes]
    if (route === undefined) return new Response(null, { status: 405 })
    const path = new URL(request.url).pathname.slice(BASE.length + 1).split('/')
    return route(request, { params: Promise.resolve(path[0] === '' ? {} : { path }) })
  }
  const listener = getRequestListener(answer, { overrideGlobalObjects: false })
  return listening(createServer((request, response) => void listener(request, response)))
}

const node =
  (base = BASE) =>
  (options: DashboardOptions) => {
    const listener = nodeDashboard({ ...options, basePath: base })
    return listening(
      createServer((request, response) => {
        ;(request as Marked).testUser = headerOf(request)
        listener(request, response)
      }),
      base,
    )
  }

export const HOSTS: readonly Host[] = [
  {
    name: 'Hono, by route',
    open: hono((app, options) => app.route(BASE, sagaDashboard(options))),
    userOf: (host) => (host as Context<HonoEnv>).get('testUser'),
    knowsSockets: true,
  },
  {
    name: 'Hono, by mount',
    open: hono((app, options) => app.mount(BASE, sagaDashboard({ ...options, basePath: BASE }).fetch)),
    userOf: (host) => (host as Context).req.header(WHO),
    knowsSockets: true,
  },
  { name: 'Express', open: expressBehind(), userOf: marked, knowsSockets: true },
  {
    name: 'Express behind body parsers',
    open: expressBehind([express.urlencoded({ extended: true, limit: '1mb' }), express.json()]),
    userOf: marked,
    knowsSockets: true,
  },
  {
    name: 'Express behind a parser that keeps text',
    open: expressBehind([express.text({ type: '*/*', limit: '1mb' })]),
    userOf: marked,
    knowsSockets: true,
  },
  { name: 'Fastify', open: fastifyWith(false), userOf: marked, knowsSockets: true },
  { name: 'Fastify with a parser of its own', open: fastifyWith(true), userOf: marked, knowsSockets: true },
  {
    name: 'Next',
    open: next(false),
    userOf: (host) => (host as Request).headers.get(WHO) ?? undefined,
    knowsSockets: false,
    zips: true,
  },
  {
    name: 'Next with a base path of its own',
    open: next(true),
    userOf: (host) => (host as Request).headers.get(WHO) ?? undefined,
    knowsSockets: false,
    zips: true,
    linksBelow: `${NEXT_BASE}${BASE}`,
  },
  { name: 'Node', open: node(), userOf: marked, knowsSockets: true },
  // Under the path of a page: what is cut off is cut off once.
  {
    name: 'Hono, by route at /sagas',
    open: hono((app, options) => app.route(OURS, sagaDashboard(options)), OURS),
    userOf: (host) => (host as Context<HonoEnv>).get('testUser'),
    knowsSockets: true,
    linksBelow: OURS,
  },
  { name: 'Express at /sagas', open: expressBehind([], OURS), userOf: marked, knowsSockets: true, linksBelow: OURS },
  { name: 'Fastify at /sagas', open: fastifyWith(false, OURS), userOf: marked, knowsSockets: true, linksBelow: OURS },
  { name: 'Node at /sagas', open: node(OURS), userOf: marked, knowsSockets: true, linksBelow: OURS },
]
