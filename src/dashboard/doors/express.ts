/** The dashboard in Express, which cuts off the path that it was mounted at, and may have parsed the form already. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DashboardOptions } from '../options.ts'
import { cleanBase, doorway } from './door.ts'
import { bodyOf } from './node.ts'

/** What of Express's request is looked at here. */
export type ExpressRequest = IncomingMessage & { readonly baseUrl: string }

/**
 * `app.use('/admin/sagas', expressDashboard({ client, authenticate }))`, before or behind body parsers. `authenticate`
 * gets Express's request. `basePath` is known from where it was mounted.
 */
export function expressDashboard(
  options: DashboardOptions,
): (request: ExpressRequest, response: ServerResponse) => void {
  const enter = doorway(options)
  return (request, response) => {
    const base = cleanBase(request.baseUrl)
    // The path comes without the base, and what is left of it may begin with the same word.
    void enter({ incoming: request, outgoing: response, host: request, base, cutOff: '', body: bodyOf(request) })
  }
}
