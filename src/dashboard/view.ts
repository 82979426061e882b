/** What every page of one request is drawn with. */
import type { Assets } from './assets/assets.ts'
import type { Actor } from './options.ts'
import type { Redaction } from './redaction.ts'

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
  /** The way to every payload and every error message. */
  readonly redaction: Redaction
}

/** Under this an adapter says how a request came in. No header and no variable of the environment can have that name. */
export const DOOR: unique symbol = Symbol('pg-saga: how a request came in')

/** What an adapter knows of a request that stands nowhere in it. */
export type Door = {
  /** The framework's own request. */
  readonly host: unknown
  /** Where the dashboard lies, as the browser sees it: what links begin with. Empty for the root. */
  readonly base: string
  /** What of the path is not ours: empty where the framework has cut it off already. */
  readonly cutOff: string
  /** The framework zips what it sends, even what is zipped. */
  readonly zips?: boolean
  /** Of the socket; `undefined` where the framework does not show it. */
  readonly remoteAddress: string | undefined
  /** Somebody in front has read the form, and nothing of it is left. */
  readonly isFormLost: boolean
  /** Somebody in front has parsed the body, and a number in it may not be what was sent. */
  readonly isRounded?: boolean
}

/** What the requests of the dashboard carry. `incoming` is there under @hono/node-server. */
export type DashboardEnv = {
  Bindings: {
    readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } }
    readonly [DOOR]?: Door
  }
  Variables: {
    nonce: string
    requestId: string
    /** There once somebody has come in. */
    view: View
  }
}
