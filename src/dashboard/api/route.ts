/**
 * A route of the API: what it takes, what it answers, which rights it asks for. The routes themselves and the OpenAPI
 * document are made from the same value, so that they cannot differ.
 *
 * 1. The order is always: parse → find → authorize → perform. Nothing is looked up for a request that cannot be.
 * 2. A GET changes nothing, and takes no body. Whatever changes something is a POST with JSON.
 * 3. A parameter or field that is not known is refused: leaving out a filter would make the scope larger.
 */
import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { z } from 'zod'
import type { Logger } from '../../engine/runtime/ports.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import { demandRightToChange, type Right } from '../change.ts'
import type { DutiesNow } from '../duties-now.ts'
import type { ExportPlaces } from '../export/places.ts'
import type { Actor, AuthorizeActor } from '../options.ts'
import type { Redaction } from '../redaction.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight } from '../security/rights.ts'
import { type DashboardEnv, DOOR } from '../view.ts'
import { NOT_KEPT, readJson } from './json.ts'
import { ApiProblem, fieldsOf, invalid } from './problems.ts'

/** What every answer is made from. */
export type ApiParts = {
  /** For what is changed. */
  readonly client: SagaClient
  readonly authorize: AuthorizeActor
  /** The way to every payload and every error message. */
  readonly redaction: Redaction
  readonly logger: Logger
  readonly duties: DutiesNow
  readonly places: ExportPlaces
}

export type ApiEnv = Omit<DashboardEnv, 'Variables'> & {
  Variables: DashboardEnv['Variables'] & { actor: Actor }
}

export type ApiCtx = Context<ApiEnv>

type Known<Query, Body> = {
  readonly parts: ApiParts
  readonly actor: Actor
  /** Of the path, as they were sent. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
}

type AnyObject = z.ZodType<object>

export type RouteSpec<Q extends AnyObject, B extends z.ZodType, Found> = {
  /** Below `/api/v1`, with `:id` for what varies. */
  readonly path: `/${string}`
  /** For clients that are generated: unique. */
  readonly name: string
  readonly tag: string
  readonly summary: string
  /** The right, or rights, in words: what the document says of it. */
  readonly right: string
  readonly query?: Q
  /** With it the route is a POST. */
  readonly body?: B
  /** Bytes. */
  readonly maxBodyBytes?: number
  readonly answer: z.ZodType
  /** Types that it can answer beside JSON, as text. */
  readonly alsoAnswers?: readonly string[]
  /** Beside those that every route can answer. */
  readonly refuses?: readonly number[]
  /** What it is about. @throws what makes a 404. */
  readonly find: (asked: Known<z.output<Q>, z.output<B>>) => Found | Promise<Found>
  /** Each of them is needed. */
  readonly rights: (found: Found, asked: Known<z.output<Q>, z.output<B>>) => readonly Right[]
  /** @returns what `answer` describes, moments as `Date`; or a response that is sent as it is. */
  readonly perform: (asked: Known<z.output<Q>, z.output<B>>, found: Found, c: ApiCtx) => unknown
}

export type Route = Pick<RouteSpec<AnyObject, z.ZodType, unknown>, 'path' | 'name' | 'tag' | 'summary' | 'right'> & {
  readonly method: 'GET' | 'POST'
  readonly query: AnyObject | undefined
  readonly body: z.ZodType | undefined
  readonly maxBodyBytes: number
  readonly answer: z.ZodType
  readonly alsoAnswers: readonly string[]
  readonly refuses: readonly number[]
  readonly respond: (c: ApiCtx, parts: ApiParts) => Promise<Response>
}

/** Bytes of a body where a route says nothing else. */
export const MAX_JSON_BYTES = 64 * 1024

const NOTHING = z.strictObject({})

export function route<Found, Q extends AnyObject = typeof NOTHING, B extends z.ZodType = z.ZodUndefined>(
  spec: RouteSpec<Q, B, Found>,
): Route {
  const {
    path,
    name,
    tag,
    summary,
    right,
    query,
    body,
    maxBodyBytes = MAX_JSON_BYTES,
    answer,
    alsoAnswers = [],
    refuses = [],
  } = spec
  const method = body === undefined ? 'GET' : 'POST'
  const respond = async (c: ApiCtx, parts: ApiParts): Promise<Response> => {
    const asked: Known<z.output<Q>, z.output<B>> = {
      parts,
      actor: c.get('actor'),
      params: c.req.param(),
      query: queryOf(c, query ?? NOTHING) as z.output<Q>,
      body: (body === undefined ? undefined : await bodyOf(c, body)) as z.output<B>,
    }
    const found = await spec.find(asked)
    const asking = { actor: asked.actor, requestId: c.get('requestId') }
    for (const right of spec.rights(found, asked)) {
      const { action, target } = right
      const demanded =
        body === undefined
          ? demandRight(parts.authorize, asked.actor, action, target)
          : demandRightToChange(parts, asking, right)
      await demanded.catch((error: unknown) => {
        throw error instanceof Refusal ? lacking(error, action) : error
      })
    }
    const answered = await spec.perform(asked, found, c)
    return answered instanceof Response ? answered : send(c, answered)
  }
  return { path, name, tag, summary, right, method, query, body, maxBodyBytes, answer, alsoAnswers, refuses, respond }
}

function lacking({ message }: Refusal, right: string): ApiProblem {
  return new ApiProblem({ status: 403, code: 'NOT_AUTHORIZED', title: 'No right', detail: message, more: { right } })
}

/** A parameter that comes twice is refused, too: nobody knows which of the two is meant. */
function queryOf(c: ApiCtx, schema: AnyObject): object {
  const given = c.req.queries()
  const twice = Object.keys(given).filter((name) => (given[name] ?? []).length > 1)
  if (twice.length > 0) {
    throw invalid(
      twice.map((path) => ({ path, message: 'comes more than once' })),
      `The address is not understood: ${twice.join(', ')} can be given once.`,
    )
  }
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(given).map(([name, [text]]) => [name, text])))
  if (parsed.success) return parsed.data
  const errors = fieldsOf(parsed.error).map(({ path, message }) => ({
    path,
    message: message === 'there is no such field' ? 'there is no such parameter' : message,
  }))
  throw invalid(errors, `The address is not understood: ${inWords(errors)}.`)
}

async function bodyOf<B extends z.ZodType>(c: ApiCtx, schema: B): Promise<z.output<B>> {
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    const detail = 'Changes are taken as application/json. Nothing was done.'
    throw new ApiProblem({ status: 415, code: 'MEDIA_TYPE', title: 'Not JSON', detail })
  }
  demandAsSent(c)
  const parsed = schema.safeParse(parsedJson(await c.req.text()))
  if (parsed.success) return parsed.data
  const errors = fieldsOf(parsed.error)
  throw invalid(errors, `The body is not understood, and nothing was done: ${inWords(errors)}.`)
}

/** @throws ApiProblem 400 for a body that is not as it was sent any more. */
function demandAsSent(c: ApiCtx): void {
  const door = c.env?.[DOOR]
  if (door?.isFormLost !== true && door?.isRounded !== true) return
  const why =
    door.isRounded === true
      ? 'a parser in front of the dashboard has read it, and a number in it has more digits than that keeps. Mount the dashboard before the parser, or send the number as text'
      : 'something in front of the dashboard has read it and left nothing of it. Mount the dashboard before that'
  const detail = `The body is not understood, and nothing was done: ${why}.`
  throw new ApiProblem({ status: 400, code: 'JSON_INVALID', title: 'Not understood', detail })
}

function parsedJson(text: string): unknown {
  try {
    return readJson(text)
  } catch (error) {
    const why = error instanceof RangeError ? NOT_KEPT : 'it is no JSON'
    const detail = `The body is not understood, and nothing was done: ${why}.`
    throw new ApiProblem({ status: 400, code: 'JSON_INVALID', title: 'Not understood', detail })
  }
}

function inWords(errors: readonly { readonly path: string; readonly message: string }[]): string {
  return errors.map(({ path, message }) => `${path === '' ? 'it' : path}: ${message}`).join('; ')
}

/** Whoever has it already is told so. */
function send(c: ApiCtx, answer: unknown): Response {
  const text = JSON.stringify(answer)
  const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
  if (c.req.method === 'POST') return c.body(text, 200, { 'Content-Type': 'application/json' })
  if (c.req.header('if-none-match') === tag) return c.body(null, 304, { ETag: tag })
  return c.body(text, 200, { 'Content-Type': 'application/json', ETag: tag })
}
