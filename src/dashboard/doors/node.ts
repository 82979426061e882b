/** The dashboard as a listener of Node's own server. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DashboardOptions } from '../options.ts'
import { cleanBase, doorway } from './door.ts'

export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * `http.createServer(nodeDashboard({ client, authenticate, basePath: '/admin/sagas' }))`, or to be called from a listener
 * of yours. `authenticate` gets Node's request.
 */
export function nodeDashboard(options: DashboardOptions): NodeListener {
  const enter = doorway(options)
  const base = cleanBase(options.basePath ?? '')
  return (request, response) => {
    void enter({ incoming: request, outgoing: response, host: request, base, body: bodyOf(request) })
  }
}

/** Where those in front of a listener put what they have read. */
export function bodyOf(request: IncomingMessage): unknown {
  return (request as { readonly body?: unknown }).body
}
