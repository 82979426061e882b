/** Operations over many sagas: looked at first, started with what was seen, paused, resumed and aborted. */
import type { z } from 'zod'
import type { Operation } from '../../engine/operation-order.ts'
import { readOperation, targetOf } from '../routes/operations.ts'
import { may } from '../security/rights.ts'
import { changesIn, lookAtAll, orderFor, rightsToStart, startedBy } from '../starting.ts'
import { CHANGE_NAMES, type ChangeName } from '../words/operations.ts'
import { ApiProblem, invalid } from './problems.ts'
import { type Route, route } from './route.ts'
import { filterFrom, targetOf as targetOfFilter } from './sagas.ts'
import { plainBody } from './shapes/acts.ts'
import {
  itemPage,
  itemsQuery,
  operation,
  operationChanged,
  operationPage,
  operationsQuery,
  preview,
  previewQuery,
  startBody,
} from './shapes/operations.ts'

const DEFAULT_PAGE = 50

const list = route({
  path: '/operations',
  name: 'listOperations',
  tag: 'operations',
  summary: 'Operations, the newest first, in pages.',
  right: 'read',
  query: operationsQuery,
  answer: operationPage,
  find: ({ query }) => query,
  rights: () => [{ action: 'read', target: {} }],
  perform: ({ parts }, { state, limit = DEFAULT_PAGE, cursor }) =>
    parts.client.operations.list(state === undefined ? {} : { state }, { limit, ...cursorOf(cursor) }),
})

const look = route({
  path: '/operations/preview',
  name: 'previewOperation',
  tag: 'operations',
  summary: 'What an operation would do now; at most the 2000 oldest sagas are looked at. Nothing is stored.',
  right: 'read',
  query: previewQuery,
  answer: preview,
  find: ({ query: { verb, 'past-pivot': past = false, ...words } }) => {
    if (past && verb !== 'compensate') throw invalid([{ path: 'past-pivot', message: 'goes with compensate' }], PAST)
    return { verb, past, filter: filterFrom(words) }
  },
  rights: ({ filter }) => [{ action: 'read', target: targetOfFilter(filter) }],
  perform: async ({ parts, actor }, { verb, past, filter }) => {
    const { preview: looked, others } = await lookAtAll(parts.client, orderFor(verb, filter, past, undefined))
    const allowed = await Promise.all(
      rightsToStart(verb, past, targetOfFilter(filter)).map(({ action, target }) =>
        may(parts.authorize, actor, action, target),
      ),
    )
    const { count, fitting, more } = looked
    const seen = { count, fitting, more, others: others.map(({ id }) => id) }
    return { ...looked, others, may: !allowed.includes(false), seen }
  },
})

const PAST = 'The address is not understood: past-pivot goes with compensate.'

const start = route({
  path: '/operations',
  name: 'startOperation',
  tag: 'operations',
  summary: 'Starts an operation over the sagas that the preview showed, and no more than those.',
  right: 'start_operation, and that to the verb',
  body: startBody,
  answer: operationChanged,
  refuses: [409],
  find: ({ body: { verb, pastPivot: past = false, as, filter } }) => {
    const errors = [
      ...(past && verb !== 'compensate' ? [{ path: 'pastPivot', message: 'goes with compensate' }] : []),
      ...((as === undefined) === (verb === 'resolve')
        ? [{ path: 'as', message: 'goes with resolve, which needs it' }]
        : []),
    ]
    if (errors.length > 0) throw invalid(errors, 'The body is not understood, and nothing was started.')
    return { verb, past, order: orderFor(verb, filterFrom(filter), past, as) }
  },
  rights: ({ verb, past, order: { filter } }) => rightsToStart(verb, past, targetOfFilter(filter)),
  perform: async ({ parts: { client }, actor, body }, { order }) => {
    const { seen, canary, rate, reason, requestId } = body
    const now = await lookAtAll(client, order)
    // Behind that look: what the same request has done already is no change by somebody else.
    const earlier = requestId === undefined ? undefined : await startedBy(client, requestId, actor.id)
    if (earlier === undefined) mustBeAsSeen(changesIn(seen, now), now)
    // Never more than were seen: those that come meanwhile are for another one.
    const limit = seen.more ? {} : { limit: Math.max(1, seen.count) }
    const by = { actor: actor.id, reason, ...(requestId === undefined ? {} : { requestId }) }
    // The engine refuses another order under the same request.
    const operation = await client.operations.start({ ...order, canary, rate, ...limit, ...by })
    return { operation, repeated: operation.id === earlier?.id }
  },
})

/** @throws ApiProblem 409 with what has changed, and what to hand in now. */
function mustBeAsSeen(
  changes: readonly string[],
  { preview: looked, others }: Awaited<ReturnType<typeof lookAtAll>>,
): void {
  if (changes.length === 0) return
  const { count, fitting, more } = looked
  throw new ApiProblem({
    status: 409,
    code: 'CHANGED',
    title: 'Something has changed',
    detail: `Nothing was started. ${changes.join(' ')}`,
    more: { changes, seen: { count, fitting, more, others: others.map(({ id }) => id) } },
  })
}

const one = {
  tag: 'operations',
  refuses: [404],
  find: ({ parts, params }: Parameters<Parameters<typeof route<Operation>>[0]['find']>[0]) =>
    readOperation(parts.client, params['id']),
}

const get = route<Operation>({
  ...one,
  path: '/operations/:id',
  name: 'getOperation',
  summary: 'One operation, and how far it has come.',
  right: 'read',
  answer: operation,
  rights: (found) => [{ action: 'read', target: targetOf(found) }],
  perform: (_asked, found) => found,
})

const items = route<Operation, typeof itemsQuery>({
  path: '/operations/:id/items',
  name: 'listOperationItems',
  tag: 'operations',
  summary: 'What became of each of its sagas, in the order in which they are ordered.',
  right: 'read',
  query: itemsQuery,
  answer: itemPage,
  refuses: [404],
  find: ({ parts, params }) => readOperation(parts.client, params['id']),
  rights: (found) => [{ action: 'read', target: targetOf(found) }],
  perform: async ({ parts, query: { state, outcome, limit = DEFAULT_PAGE, cursor } }, { id, filter: of }) => {
    const filter = { ...(state === undefined ? {} : { state }), ...(outcome === undefined ? {} : { outcome }) }
    const page = await parts.client.operations.results(id, filter, { limit, ...cursorOf(cursor) })
    const items = page.results.map((one) => {
      // What an order was refused for may be what a saga has said.
      const about = { definition: of.definition ?? '', sagaId: one.sagaId }
      return { ...one, message: parts.redaction.message(one.message, about) }
    })
    return { items, cursor: page.cursor }
  },
})

const CHANGES: Readonly<Record<ChangeName, string>> = {
  pause: 'Orders no further sagas; those that are ordered go on.',
  resume: 'Goes on with a paused one.',
  abort: 'Orders no further sagas, for good.',
}

const change = (name: ChangeName): Route =>
  route<Operation, z.ZodObject, typeof plainBody>({
    path: `/operations/:id/acts/${name}`,
    name: `${name}Operation`,
    tag: 'operations',
    summary: CHANGES[name],
    right: `${name}_operation`,
    body: plainBody,
    answer: operationChanged,
    refuses: [404, 409],
    find: ({ parts, params }) => readOperation(parts.client, params['id']),
    rights: (found) => [{ action: `${name}_operation`, target: targetOf(found, name) }],
    perform: async ({ parts, actor, body: { reason, requestId } }, { id, log }) => {
      const repeated =
        requestId !== undefined && log.some((entry) => entry.requestId === requestId && entry.actor === actor.id)
      const by = { actor: actor.id, reason, ...(requestId === undefined ? {} : { requestId }) }
      return { operation: await parts.client.operations[name](id, by), repeated }
    },
  })

function cursorOf(cursor: string | undefined): { readonly cursor?: string } {
  return cursor === undefined ? {} : { cursor }
}

/** The preview stands before what would take its name as an id. */
export const OPERATION_ROUTES: readonly Route[] = [list, look, start, get, items, ...CHANGE_NAMES.map(change)]
