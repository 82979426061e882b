/**
 * How a request comes in where the server is not Hono's: the one way from Node's request and response to the app and
 * back, which the adapters beside this file only tell what their framework knows.
 *
 * 1. The framework's own request goes to `authenticate`; sessions live there.
 * 2. Where a request comes from is what the socket says.
 * 3. What something in front has read of the form is taken from where it was put.
 * 4. Whoever goes away ends what is being done for them.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener, RequestError } from '@hono/node-server'
import { type Logger, SILENT } from '../../engine/runtime/ports.ts'
import { sagaDashboard } from '../app.ts'
import type { DashboardOptions } from '../options.ts'
import { closedPage } from '../pages/problem.ts'
import { securityHeaders } from '../security/headers.ts'
import { DOOR, type Door } from '../view.ts'

export type Entry = {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** The framework's own request. */
  readonly host: unknown
  /** Where the dashboard lies, for its links. */
  readonly base: string
  /** What of it the path still has; the same by default. */
  readonly cutOff?: string
  /** What something in front has made of the form, if it has. */
  readonly body?: unknown
}

export type Doorway = (entry: Entry) => Promise<void>

/** In the place of a Host that was not sent. No name of this machine: that would open the dashboard to a developer. */
const NO_HOST = 'host.invalid'

export function doorway(options: DashboardOptions): Doorway {
  const app = sagaDashboard(options)
  const logger = options.logger ?? SILENT
  return async ({ incoming, outgoing, host, base, cutOff = base, body }) => {
    // A body that nobody has read comes with the request itself.
    const isRead = incoming.readableDidRead && incoming.method === 'POST'
    const door: Door = {
      host,
      base,
      cutOff,
      remoteAddress: incoming.socket?.remoteAddress,
      isFormLost: isRead && body === undefined,
      isRounded: isRead && hasRounded(body),
    }
    const listen = getRequestListener(
      (request) => app.fetch(isRead ? withBody(request, body) : request, { incoming, outgoing, [DOOR]: door }),
      { overrideGlobalObjects: false, hostname: NO_HOST, errorHandler: (error) => notAnswered(error, logger) },
    )
    await listen(incoming, outgoing)
  }
}

/** A path without what is not ours of it: one slash at its beginning, none at its end. */
export function cleanBase(path: string): string {
  return path.replace(/^\/{2,}/, '/').replace(/\/+$/, '')
}

/** The request with the form as it was before somebody parsed it. What is no form stays none, and is refused as such. */
function withBody(request: Request, body: unknown): Request {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers.get('content-type') ?? '')
  const text = isForm ? formText(body) : plainText(body)
  const headers = new Headers(request.headers)
  for (const name of ['content-encoding', 'transfer-encoding']) headers.delete(name)
  headers.set('content-length', String(Buffer.byteLength(text)))
  return new Request(request.url, { method: request.method, headers, body: text, signal: request.signal })
}

function formText(body: unknown): string {
  if (typeof body !== 'object' || body === null || Buffer.isBuffer(body)) return plainText(body)
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(body)) {
    for (const one of Array.isArray(value) ? value : [value]) if (typeof one === 'string') form.append(name, one)
  }
  return form.toString()
}

function plainText(body: unknown): string {
  if (typeof body === 'string') return body
  if (Buffer.isBuffer(body)) return body.toString()
  return body === undefined ? '' : JSON.stringify(body)
}

/** Somebody's parser has made of a number what JavaScript can hold of it. What it was cannot be known any more. */
function hasRounded(body: unknown): boolean {
  if (Buffer.isBuffer(body)) return false
  // What a parser of somebody's has made may go in circles. A set is walked with what is added to it meanwhile.
  const parts = new Set([body])
  for (const part of parts) {
    if (typeof part === 'number' && !Number.isSafeInteger(part) && !(part % 1)) return true
    if (typeof part === 'object' && part !== null) for (const inner of Object.values(part)) parts.add(inner)
  }
  return false
}

/** What is no request at all, such as one with a Host that is no name; or what has failed before the app could answer. */
async function notAnswered(error: unknown, logger: Logger): Promise<Response> {
  const isMalformed = error instanceof RequestError
  const requestId = randomUUID()
  if (!isMalformed) logger.error({ requestId, error }, 'A request of the dashboard failed.')
  const page = isMalformed
    ? closedPage(
        'Not understood',
        'The address or the Host header of this request is none. If a proxy stands in front, look at what it sends.',
      )
    : closedPage('Something went wrong', `Request ${requestId}.`)
  const headers = {
    ...securityHeaders(randomBytes(16).toString('base64url')),
    'Content-Type': 'text/html; charset=UTF-8',
  }
  return new Response(String(await page), { status: isMalformed ? 400 : 500, headers })
}
