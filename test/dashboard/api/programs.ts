/** Requests as programs send them to the API. Whatever comes back is held to what the API says it answers. */
import { expect } from 'vitest'
import { z } from 'zod'
import { ROUTES } from '../../../src/dashboard/api/table.ts'
import type { Actor, DashboardOptions, Role } from '../../../src/dashboard/index.ts'
import { sagaDashboard } from '../../../src/dashboard/index.ts'
import type { SagaClient } from '../../../src/index.ts'
import type { Dashboard } from '../requests.ts'

/** A token of each role, and who has it. */
export const TOKENS: Readonly<Record<string, Actor>> = {
  'viewer-token': { id: 'vera', role: 'viewer' },
  'operator-token': { id: 'otto', role: 'operator' },
  'admin-token': { id: 'ada', role: 'admin' },
}

export function dashboardWithTokens(client: SagaClient, options: Partial<DashboardOptions> = {}): Dashboard {
  return sagaDashboard({ client, authenticateToken: (token) => TOKENS[token] ?? null, ...options })
}

const PROBLEM = z.looseObject({
  type: z.string().regex(/^urn:pg-saga:problem:[a-z_]+$/),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().regex(/^[A-Z_]+$/),
  requestId: z.uuid(),
  errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
})

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** What it holds is what a test is about. */
  readonly json: ReturnType<typeof JSON.parse>
}

/** Of a role, or with headers of one's own. */
export type Sender = Role | Readonly<Record<string, string>>

export function fetchApi(app: Dashboard, path: string, as: Sender = 'admin'): Promise<Answer> {
  return ask(app, 'GET', path, as)
}

export function postApi(app: Dashboard, path: string, body: unknown, as: Sender = 'admin'): Promise<Answer> {
  return ask(app, 'POST', path, as, JSON.stringify(body))
}

/** @param text the body as it is sent. */
export async function ask(app: Dashboard, method: string, path: string, as: Sender, text?: string): Promise<Answer> {
  const headers = {
    ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(typeof as === 'string' ? { Authorization: `Bearer ${as}-token` } : as),
  }
  const response = await app.request(`/api/v1${path}`, {
    method,
    headers,
    ...(text === undefined ? {} : { body: text }),
  })
  const body = await response.text()
  const answer = { status: response.status, headers: response.headers, text: body, json: jsonOf(body) }
  if (method !== 'HEAD') holdToWhatIsSaid(method, path, answer)
  return answer
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The schemas are strict: a field that they do not name is one that was not to be told. */
function holdToWhatIsSaid(method: string, path: string, { status, headers, json, text }: Answer): void {
  expect(headers.get('cache-control'), path).toBe('no-store')
  expect(headers.get('x-content-type-options'), path).toBe('nosniff')
  const type = headers.get('content-type')
  if (status >= 400) {
    expect(type, `${method} ${path}: ${text}`).toBe('application/problem+json')
    expect(PROBLEM.parse(json).status).toBe(status)
    expect(text, path).not.toMatch(/\bselect\b .* from|\bat .*\.ts:\d|node_modules/i)
    return
  }
  const route = ROUTES.find((one) => one.method === method && matches(one.path, path))
  if (route === undefined || type !== 'application/json') return
  const checked = route.answer.safeParse(json)
  expect(checked.error?.issues, `${method} ${path} answers what it says: ${text.slice(0, 2_000)}`).toBeUndefined()
}

function matches(route: string, path: string): boolean {
  const own = path.split('?')[0]?.split('/') ?? []
  const parts = route.split('/')
  return own.length === parts.length && parts.every((part, index) => part.startsWith(':') || part === own[index])
}
