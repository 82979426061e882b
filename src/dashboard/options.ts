/** What a host tells the dashboard: which engine, who comes in, and who may do what. */
import type { Action, Target } from '../engine/access.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import type { LinksOut } from './links.ts'
import type { Redact } from './redaction.ts'

/**
 * viewer: reads. operator: orders what can be put right again. admin: also undoes what is past the pivot, reverts, completes by
 * hand, edits inputs, erases, and has maintenance done.
 */
export type Role = 'viewer' | 'operator' | 'admin'

/** A person, as the host knows them. */
export type Actor = {
  /** Stands in the journal with every act, for ever. */
  readonly id: string
  /** What the page shows instead of the id. */
  readonly name?: string
  /** For the rights out of the box, where there is no `authorize`: `viewer` by default. */
  readonly role?: Role
}

/**
 * Says who is there. `null`: nobody, so 401. A Response, such as a redirect to the login page, is sent as it is.
 *
 * @param host What the host's framework has for this request, where sessions live: Hono's context, the request of Express,
 * Fastify, Next or Node.
 */
export type Authenticate = (
  request: Request,
  host: unknown,
) => Actor | null | Response | Promise<Actor | null | Response>

/**
 * Says whose token it is that came as `Authorization: Bearer …` to the JSON API. `null`: nobody's, so 401. A Response is sent
 * as it is. Pages are never opened by a token.
 *
 * @param token As it was sent. Compare it in constant time, or look it up by its hash.
 * @param host As of `Authenticate`.
 */
export type AuthenticateToken = (
  token: string,
  request: Request,
  host: unknown,
) => Actor | null | Response | Promise<Actor | null | Response>

/**
 * Asked on the server before every page (`read`) and every act. `false`, or an exception, refuses.
 *
 * @param target Without a definition for the list of all sagas: refuse it there to those who may not see all.
 */
export type AuthorizeActor = (actor: Actor, action: Action, target: Target) => boolean | Promise<boolean>

/** What one process bears. Those that are left out are the defaults. */
export type Limits = {
  /** Pages, their parts and signals for one actor: 1200 by default. */
  readonly readsPerMinute?: number
  /** Forms of one actor: 60 by default. */
  readonly actsPerMinute?: number
  /** Pages that hear of changes at the same time; others ask every few seconds: 200 by default. */
  readonly maxListeners?: number
  /** The same of one actor: 50 by default. */
  readonly maxListenersPerActor?: number
}

/** What `GET metrics` answers with. */
export type MetricsOption = {
  /** A registry of prom-client, or what gives the text that Prometheus reads. */
  readonly from: (() => string | Promise<string>) | { readonly contentType: string; metrics(): Promise<string> }
  /**
   * Who may have them, asked instead of `authenticate`: a scraper has no session. `() => true` for everybody who gets as far
   * as here. Without it they are for those who come in and may read.
   */
  readonly allow?: (request: Request) => boolean | Promise<boolean>
}

export type DashboardOptions = {
  /** A client is enough; an engine is one. */
  readonly client: SagaClient
  /**
   * Where the dashboard lies, for its links. Needed where somebody cuts the prefix off before we see the path, as Hono's
   * `mount` and some proxies do, and by `nodeDashboard`; under `app.route(path, dashboard)`, and in Express, Fastify and
   * Next, it is known.
   */
  readonly basePath?: string
  /** Without it everything answers 403, except to this machine itself with `NODE_ENV=development`. */
  readonly authenticate?: Authenticate
  /** For programs, at the JSON API. Without it there are no tokens: whoever is signed in can use the API all the same. */
  readonly authenticateToken?: AuthenticateToken
  /** Default: by the actor's role. The engine's own `authorize` is asked as well, with the actor's id. */
  readonly authorize?: AuthorizeActor
  /** Stands beside the name: `production`, `staging`. */
  readonly environment?: string
  /** Origins, as `https://ops.example.com`, whose forms are taken too: for proxies that change the Host header. */
  readonly trustedOrigins?: readonly string[]
  /** Asked for every payload and error message before it is shown or exported. */
  readonly redact?: Redact
  /** In which exact times are written: `Europe/Berlin`. UTC by default; charts are in UTC, by whose hours they are counted. */
  readonly timeZone?: string
  /** From a saga to traces, logs, or the page of what it is about. */
  readonly links?: LinksOut
  readonly limits?: Limits
  readonly metrics?: MetricsOption
  /**
   * Abort it when your server closes: open pages hold a request each, and servers wait for those. Fastify's plugin and
   * `serveDashboard` do it by themselves.
   */
  readonly closing?: AbortSignal
  /** Gets what went wrong with the request id that the page shows. */
  readonly logger?: Logger
}
