/** What every page of one request is drawn with. */
import type { Assets } from './assets/assets.ts'
import type { Actor } from './options.ts'

export type View = {
  /** Prefix of every link: empty, or `/admin/sagas`. */
  readonly base: string
  /** Of this request, below the base: `/sagas`. */
  readonly path: string
  /** Of this response's Content-Security-Policy. */
  readonly nonce: string
  /** Shown with an error, and given to the logger. */
  readonly requestId: string
  readonly actor: Actor
  readonly environment: string | undefined
  readonly assets: Assets
  readonly now: number
}

/** What the requests of the dashboard carry. `incoming` is there under @hono/node-server. */
export type DashboardEnv = {
  Bindings: { readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } } }
  Variables: {
    nonce: string
    requestId: string
    /** There once somebody has come in. */
    view: View
  }
}
