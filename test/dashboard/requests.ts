/** Requests as a browser sends them, to the app itself. */
import type { Actor } from '../../src/dashboard/index.ts'
import { sagaDashboard } from '../../src/dashboard/index.ts'
import type { DashboardOptions } from '../../src/dashboard/options.ts'

export type Dashboard = ReturnType<typeof sagaDashboard>

export const ADA: Actor = { id: 'ada@example.com', name: 'Ada', role: 'admin' }

/** Everybody who comes is this person. */
export function dashboardFor(
  client: DashboardOptions['client'],
  actor: Actor | null = ADA,
  options: Partial<DashboardOptions> = {},
): Dashboard {
  return sagaDashboard({ client, authenticate: () => actor, ...options })
}

/** The page's text as it was sent, with its status. */
export async function get(app: Dashboard, path: string, headers: Record<string, string> = {}) {
  const response = await app.request(path, { headers })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

export const SAME_ORIGIN = { 'Sec-Fetch-Site': 'same-origin' }

export async function post(
  app: Dashboard,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = SAME_ORIGIN,
) {
  const response = await app.request(path, { method: 'POST', body: new URLSearchParams(fields), headers })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** The fields of the form on a plan page that the browser would send along. */
export function hiddenFields(page: string): Record<string, string> {
  const found = page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, unescaped(value)]))
}

/** As a browser reads an attribute that hono has written. */
function unescaped(value: string): string {
  const characters: Record<string, string> = { '&quot;': '"', '&#39;': "'", '&lt;': '<', '&gt;': '>', '&amp;': '&' }
  return value.replace(/&(?:quot|#39|lt|gt|amp);/g, (entity) => characters[entity] ?? entity)
}
