/** What went wrong, as `application/problem+json` (RFC 9457): never SQL, a stack, or what a payload holds. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import type { SagaError } from '../../engine/errors.ts'
import { codeOf } from '../acts.ts'
import { Refusal } from '../security/refusal.ts'

/** A field that cannot be that, and why. */
export type FieldProblem = { readonly path: string; readonly message: string }

export type ProblemParts = {
  readonly status: ContentfulStatusCode
  /** To act on: of the engine where it is its, else one of `PROBLEM_CODES`. */
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly errors?: readonly FieldProblem[]
  /** What else there is to know, by name: the new plan, what fits, the right that is lacking. */
  readonly more?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** The codes that are no engine's: what each means. */
export const PROBLEM_CODES = {
  UNAUTHENTICATED: 'nobody is signed in, and no token was sent',
  TOKEN_INVALID: 'the token is nobody’s',
  CLOSED: 'the dashboard was not told who may come in',
  CROSS_SITE: 'a browser sent this from another site',
  NOT_AUTHORIZED: 'the actor lacks a right; `right` names it',
  NOT_FOUND: 'there is nothing of that name or id',
  METHOD_NOT_ALLOWED: 'the address takes other methods; `Allow` names them',
  MEDIA_TYPE: 'the body is not application/json',
  JSON_INVALID: 'the body is no JSON, or not as it was sent any more',
  BODY_TOO_LARGE: 'the body is too long',
  REQUEST_INVALID: 'a parameter or a field cannot be that; `errors` names it',
  CHANGED: 'somebody has changed it since it was looked at',
  ADDRESS_TOO_LONG: 'the address is longer than any of the API',
  TOO_MANY_REQUESTS: 'more than the option `limits` lets in; `Retry-After` says when to come back',
  UNDER_WAY: 'it is being done already',
  INTERNAL: 'something went wrong; the log has it under the request id',
} as const

/** Thrown by whatever answers; sent as it is. */
export class ApiProblem extends Error {
  readonly parts: ProblemParts

  constructor(parts: ProblemParts) {
    super(parts.detail)
    this.parts = parts
  }
}
ApiProblem.prototype.name = 'ApiProblem'

export function invalid(errors: readonly FieldProblem[], detail: string): ApiProblem {
  return new ApiProblem({ status: 400, code: 'REQUEST_INVALID', title: 'Not understood', detail, errors })
}

/** Each issue of zod, one for each field that is not known. */
export function fieldsOf(error: z.ZodError): readonly FieldProblem[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'there is no such field' }))
      : [{ path: pathOf(issue.path), message: issue.message }],
  )
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.')
}

const BY_STATUS: Readonly<Record<Refusal['status'], keyof typeof PROBLEM_CODES>> = {
  400: 'REQUEST_INVALID',
  403: 'NOT_AUTHORIZED',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'CHANGED',
  413: 'BODY_TOO_LARGE',
  414: 'ADDRESS_TOO_LONG',
  415: 'MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
  500: 'INTERNAL',
  503: 'INTERNAL',
}

/** By the engine's code; those that are not named here are errors of ours, and are told to the log alone. */
const STATUSES: Readonly<Record<string, readonly [ContentfulStatusCode, string]>> = {
  SAGA_NOT_FOUND: [404, 'No such saga'],
  HOLD_NOT_FOUND: [404, 'No such hold'],
  ERROR_GROUP_NOT_FOUND: [404, 'No such error group'],
  OPERATION_NOT_FOUND: [404, 'No such operation'],
  DEFINITION_UNKNOWN: [404, 'No such definition'],
  NOT_AUTHORIZED: [403, 'No right'],
  ORDER_REFUSED: [409, 'It does not fit'],
  OPERATION_REFUSED: [409, 'It does not fit'],
  PLAN_CHANGED: [409, 'The plan has changed'],
  TRIAGE_CHANGED: [409, 'Somebody has changed it'],
  REQUEST_REUSED: [409, 'The request id is used'],
  CODEC_MISSING: [409, 'The payload cannot be read'],
  PAYLOAD_ERASED: [409, 'The payload is erased'],
  ACT_INVALID: [400, 'Not understood'],
  FILTER_INVALID: [400, 'Not understood'],
  OPERATION_INVALID: [400, 'Not understood'],
  OPTION_INVALID: [400, 'Not understood'],
  INPUT_INVALID: [400, 'The input does not fit'],
  RESULT_INVALID: [400, 'The result does not fit'],
  PAYLOAD_INVALID: [400, 'The payload cannot be stored'],
  PAYLOAD_TOO_LARGE: [413, 'The payload is too large'],
}

/** What is told of any error. Messages of others than the engine never: they may hold SQL, or somebody's data. */
export function partsOf(error: unknown): ProblemParts {
  if (error instanceof ApiProblem) return error.parts
  if (error instanceof Refusal) {
    const { status, title, message } = error
    return { status, code: BY_STATUS[status], title, detail: message }
  }
  const code = codeOf(error)
  if (code === 'DATABASE_UNREACHABLE') {
    const detail = 'The database does not answer. Nothing was done, unless its answer was lost.'
    return { status: 503, code, title: 'The database does not answer', detail, headers: { 'Retry-After': '5' } }
  }
  if (code === 'READ_TOO_SLOW') {
    const detail = 'The database took too long over this question. Narrow it, or ask again in a while.'
    return { status: 503, code, title: 'It took too long', detail, headers: { 'Retry-After': '5' } }
  }
  const known = code === undefined ? undefined : STATUSES[code]
  if (code === undefined || known === undefined) {
    return {
      status: 500,
      code: 'INTERNAL',
      title: 'Something went wrong',
      detail: 'The log has it under the request id.',
    }
  }
  const [status, title] = known
  const { message, details } = error as SagaError
  const more = moreOf(code, details)
  return { status, code, title, detail: message, ...errorsOf(details), ...(more === undefined ? {} : { more }) }
}

function errorsOf({ fields, field }: SagaError['details']): { readonly errors?: readonly FieldProblem[] } {
  if (fields !== undefined) return { errors: fields.map(({ path, message }) => ({ path, message })) }
  return field === undefined ? {} : { errors: [{ path: field, message: 'cannot be that' }] }
}

/** Named one by one: details may hold more than whoever asks is to know. */
function moreOf(code: string, { plan, fits, action }: SagaError['details']): ProblemParts['more'] {
  if (code === 'PLAN_CHANGED') return { plan }
  if (code === 'ORDER_REFUSED') return { fits }
  return code === 'NOT_AUTHORIZED' ? { right: action } : undefined
}
