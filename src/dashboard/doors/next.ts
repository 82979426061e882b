/** The dashboard as route handlers of Next's app router, in a folder with an optional catch-all segment. */
import { sagaDashboard } from '../app.ts'
import type { Authenticate, DashboardOptions } from '../options.ts'
import { DOOR, type Door } from '../view.ts'

/** Next shows no socket, so that nobody is known to be the developer of this machine: `authenticate` is needed. */
export type NextDashboardOptions = DashboardOptions & { readonly authenticate: Authenticate }

/** What Next hands over beside the request. */
export type NextContext = { readonly params: Promise<Readonly<Record<string, string | string[] | undefined>>> }

export type NextRoute = (request: Request, context: NextContext) => Promise<Response>

/**
 * `export const { GET, HEAD, POST } = nextDashboard({ client, authenticate })`, in `app/admin/sagas/[[...path]]/route.ts`.
 * `authenticate` gets Next's request. `basePath` is known from the folder; give it where Next has one of its own, which it
 * does not tell routes.
 */
export function nextDashboard(options: NextDashboardOptions): Readonly<Record<'GET' | 'HEAD' | 'POST', NextRoute>> {
  const app = sagaDashboard(options)
  const answer: NextRoute = async (request, { params }) => {
    const base = baseOf(new URL(request.url).pathname, Object.values(await params))
    const door: Door = {
      host: request,
      base,
      cutOff: base,
      zips: true,
      remoteAddress: undefined,
      isFormLost: request.bodyUsed,
    }
    return app.fetch(request, { [DOOR]: door })
  }
  return { GET: answer, HEAD: answer, POST: answer }
}

/** The path without its last segments: those that the catch-all has taken. */
function baseOf(path: string, params: readonly (string | string[] | undefined)[]): string {
  const taken = params.find((value) => Array.isArray(value))?.length ?? 0
  const segments = path.replace(/\/+$/, '').split('/')
  return segments.slice(0, segments.length - taken).join('/')
}
