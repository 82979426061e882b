/** What a host tells the dashboard: which engine, who comes in, and who may do what. */
import type { Action, Target } from '../engine/access.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { SagaClient } from '../engine/saga-client.ts'

/**
 * viewer: reads. operator: orders everything but to undo what is past the pivot, and maintenance. admin: that too.
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
 * @param host What the host's framework has for this request, where sessions live: Hono's context.
 */
export type Authenticate = (
  request: Request,
  host: unknown,
) => Actor | null | Response | Promise<Actor | null | Response>

/**
 * Asked on the server before every page (`read`) and every act. `false`, or an exception, refuses.
 *
 * @param target Without a definition for the list of all sagas: refuse it there to those who may not see all.
 */
export type AuthorizeActor = (actor: Actor, action: Action, target: Target) => boolean | Promise<boolean>

export type DashboardOptions = {
  /** A client is enough; an engine is one. */
  readonly client: SagaClient
  /**
   * Where the dashboard lies, for its links. Needed only where the host cuts the prefix off before we see the path, as
   * Express and Hono's `mount` do; under `app.route(path, dashboard)` it is known.
   */
  readonly basePath?: string
  /** Without it everything answers 403, except to this machine itself with `NODE_ENV=development`. */
  readonly authenticate?: Authenticate
  /** Default: by the actor's role. The engine's own `authorize` is asked as well, with the actor's id. */
  readonly authorize?: AuthorizeActor
  /** Stands beside the name: `production`, `staging`. */
  readonly environment?: string
  /** Origins, as `https://ops.example.com`, whose forms are taken too: for proxies that change the Host header. */
  readonly trustedOrigins?: readonly string[]
  /** Gets what went wrong with the request id that the page shows. */
  readonly logger?: Logger
}
