/** Operations: the list, one of them, and what people change of it. */
import { randomUUID } from 'node:crypto'
import type { Target } from '../../engine/access.ts'
import type { Operation } from '../../engine/operation-order.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import { ITEM_STATES, type ItemOutcome, type ItemState } from '../../engine/store/operations.ts'
import { type Acting, codeOf } from '../acts.ts'
import { type Ctx, isPartial, page, parsed, part } from '../answers.ts'
import { change } from '../change.ts'
import {
  type OperationDetail,
  operationPage,
  operationPart,
  operationTitle,
  type ResultName,
} from '../pages/operation.ts'
import { changePage, changeRefusedPage, changeTitle, type OperationChangeForm } from '../pages/operation-change.ts'
import { operationsPage, operationsPart } from '../pages/operations.ts'
import { layout } from '../partials/layout.ts'
import { url } from '../partials/markup.ts'
import { groupFor } from '../scope.ts'
import {
  type ChangeForm,
  changeForm,
  changeName,
  changeQuery,
  isReason,
  type OperationQuery,
  operationQuery,
  operationsQuery,
  sagaId,
} from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'
import type { View } from '../view.ts'
import { CHANGE_NAMES, CHANGE_WORDS, type ChangeName } from '../words/operations.ts'

const PAGE_SIZE = 25
const RESULTS_SHOWN = 50
/** Events before a dead letter. */
const LOOKED_BACK = 100

export async function showOperations(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(operationsQuery, c.req.query())
  await demandRight(authorize, view.actor, 'read', {})
  const { state, cursor } = query
  const found = await client.operations.list(state === undefined ? {} : { state }, {
    limit: PAGE_SIZE,
    ...(cursor === undefined ? {} : { cursor }),
  })
  const list = { operations: found.operations, next: found.cursor }
  if (isPartial(c)) return part(c, operationsPart(view, list, query))
  return page(c, { title: 'Operations', body: operationsPage(view, list, query) })
}

export async function showOperation(c: Ctx, acting: Acting): Promise<Response> {
  const { client, authorize } = acting
  const view = c.get('view')
  const query = parsed(operationQuery, c.req.query())
  const operation = await readOperation(client, c.req.param('id'))
  await demandRight(authorize, view.actor, 'read', targetOf(operation))
  const { results, cursor } = await client.operations.results(operation.id, filterOf(query.result), {
    limit: RESULTS_SHOWN,
    ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
  })
  const allowed = await Promise.all(
    CHANGE_NAMES.map((name) => may(authorize, view.actor, `${name}_operation`, targetOf(operation, name))),
  )
  const detail: OperationDetail = {
    operation,
    group: await groupOf(acting, view, operation),
    results,
    next: cursor,
    mayNot: new Set(CHANGE_NAMES.filter((_name, index) => allowed[index] !== true)),
  }
  if (isPartial(c)) return part(c, operationPart(view, detail, query))
  return page(c, {
    title: operationTitle(operation),
    body: operationPage(view, detail, query),
    notice: noticeOf(query),
  })
}

export async function showChange(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const { action } = parsed(changeQuery, c.req.query())
  const operation = await readOperation(client, c.req.param('id'))
  await demandRight(authorize, view.actor, 'read', targetOf(operation))
  if (!CHANGE_WORDS[action].fits.includes(operation.state)) return refused(c, operation, action)
  const mayNot = !(await may(authorize, view.actor, `${action}_operation`, targetOf(operation, action)))
  const form = { operation, change: action, requestId: randomUUID(), mayNot, reason: '', isUnreasoned: false }
  return page(c, { title: changeTitle(form), body: changePage(view, form) })
}

type Input = { readonly operation: Operation; readonly name: ChangeName; readonly form: ChangeForm }

export function changeOperation(c: Ctx, acting: Acting): Promise<Response> {
  const { client } = acting
  return change<Input>(c, acting, {
    parse: async () => {
      const name = changeName.safeParse(c.req.param('action'))
      if (!name.success) throw new Refusal(404, 'No such act', 'There is no such act.')
      const operation = await readOperation(client, c.req.param('id'))
      const form = changeForm.safeParse(await c.req.parseBody())
      if (!form.success)
        throw new Refusal(400, 'Not understood', 'The form was not complete. Open it again from the operation.')
      return { operation, name: name.data, form: form.data }
    },
    rights: ({ operation, name }) => [{ action: `${name}_operation`, target: targetOf(operation, name) }],
    perform: (input) => perform(c, client, input),
  })
}

async function perform(c: Ctx, client: SagaClient, { operation, name, form }: Input): Promise<Response> {
  const view = c.get('view')
  const { reason, requestId } = form
  if (!isReason(reason)) {
    const again: OperationChangeForm = { operation, change: name, requestId, mayNot: false, reason, isUnreasoned: true }
    return c.html(layout(view, { title: `${changeTitle(again)} (not done)`, body: changePage(view, again) }), 422)
  }
  const isRepeated = operation.log.some((entry) => entry.requestId === requestId && entry.actor === view.actor.id)
  try {
    await client.operations[name](operation.id, { actor: view.actor.id, reason, requestId })
  } catch (error) {
    if (codeOf(error) !== 'OPERATION_REFUSED') throw error
    return refused(c, await client.operations.get(operation.id), name)
  }
  return c.redirect(
    url(view.base, `/operations/${operation.id}`, { done: name, again: isRepeated ? 'yes' : undefined }),
    303,
  )
}

/** 409: who has changed it meanwhile. */
function refused(c: Ctx, operation: Operation, name: ChangeName): Response | Promise<Response> {
  const view = c.get('view')
  const title = `${CHANGE_WORDS[name].label} does not fit`
  return c.html(layout(view, { title, body: changeRefusedPage(view, operation, name) }), 409)
}

/** @throws Refusal 404. */
export async function readOperation(client: SagaClient, text: string | undefined): Promise<Operation> {
  const id = sagaId.safeParse(text)
  const none = new Refusal(404, 'No such operation', 'There is no operation with this id.')
  if (!id.success) throw none
  try {
    return await client.operations.get(id.data)
  } catch (error) {
    throw codeOf(error) === 'OPERATION_NOT_FOUND' ? none : error
  }
}

/** To go on undoing what is past the pivot takes the right to begin it. To stop it does not. */
export function targetOf({ id, verb, filter, options }: Operation, name?: ChangeName): Target {
  return {
    operationId: id,
    verb,
    ...(filter.definition === undefined ? {} : { definition: filter.definition }),
    ...(name === 'resume' && options.pastPivot === true ? { pastPivot: true } : {}),
  }
}

function filterOf(result: ResultName | undefined): { readonly state?: ItemState; readonly outcome?: ItemOutcome } {
  if (result === undefined) return {}
  const isState = (ITEM_STATES as readonly string[]).includes(result)
  return isState ? { state: result as ItemState } : { outcome: result as ItemOutcome }
}

/** Its group may be empty by now: then one of its sagas still knows what had gone wrong. */
async function groupOf(
  acting: Acting,
  view: View,
  { id, filter, createdAt }: Operation,
): Promise<OperationDetail['group']> {
  if (filter.errorGroup === undefined) return undefined
  const { client } = acting
  const of = filter.definition === undefined ? {} : { definition: filter.definition }
  const group = await groupFor(acting, view, filter.errorGroup, of)
  if (group !== undefined) return group
  const [first] = (await client.operations.results(id, {}, { limit: 1 })).results
  const outline = first === undefined ? undefined : await client.excerpts.outline(first.sagaId)
  if (outline === undefined) return undefined
  const { definition, id: sagaId } = outline.saga
  if (!(await may(acting.authorize, view.actor, 'read', { sagaId, definition }))) return undefined
  const line = outline.lines.findLast(({ at, event }) => at <= createdAt && event.type === 'saga_dead_lettered')
  const dead = line?.event
  if (line === undefined || dead?.type !== 'saga_dead_lettered') return undefined
  const step = dead.step ?? null
  // What it died of came shortly before.
  const before = await client.excerpts.journal(sagaId, { before: line.sequence, limit: LOOKED_BACK })
  const failed = before.findLast(({ event }) => event.type === 'attempt_failed' && event.step === step)?.event
  const error = failed?.type === 'attempt_failed' ? failed.error : undefined
  return {
    ...view.redaction.group({ message: error?.message ?? null, definition, step }),
    code: error?.code ?? null,
    reason: dead.reason,
  }
}

function noticeOf({ done, again }: OperationQuery): string {
  if (done === undefined) return ''
  if (again === 'yes') return 'That was done already, by the same click.'
  return done === 'started' ? 'Started. Workers go on with it, also when this page is closed.' : CHANGE_WORDS[done].done
}
