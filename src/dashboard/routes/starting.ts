/**
 * Starting an operation: what it would do is shown first, and if there is less of it left when it is confirmed, or
 * somebody else has begun, that is said instead of done.
 */
import { randomUUID } from 'node:crypto'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { OperationVerb } from '../../engine/store/operations.ts'
import type { Acting } from '../acts.ts'
import { type Ctx, page, parsed } from '../answers.ts'
import { type Change, change, type Right } from '../change.ts'
import { type Order, type OrderProblems, orderPage, orderTitle, type Shown } from '../pages/operation-order.ts'
import { verbsPage } from '../pages/operation-verbs.ts'
import { numberIn } from '../partials/fields.ts'
import { layout } from '../partials/layout.ts'
import { url } from '../partials/markup.ts'
import { groupFor, pinned, scopeFilter, scopeOfText, wordsOf } from '../scope.ts'
import { isReason, type OperationForm, operationForm, previewQuery, type ScopeQuery } from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'
import { changesIn, lookAtAll, orderFor, rightsToStart, startedBy } from '../starting.ts'
import type { View } from '../view.ts'

const MAX_RATE = 1_000
const MIN_RATE = 0.001
const MAX_CANARY = 1_000

export async function showOrder(c: Ctx, acting: Acting): Promise<Response> {
  const { authorize } = acting
  const view = c.get('view')
  const { verb, past, canary, ...asked } = parsed(previewQuery, wordsOf(c))
  const scope = pinned(asked)
  await demandRight(authorize, view.actor, 'read', targetOf(scope))
  if (verb === undefined) {
    const filter = scopeFilter(scope)
    const group = await groupOf(acting, view, scope)
    return page(c, { title: 'What should be done?', body: verbsPage(view, scope, filter, group) })
  }
  const told = { verb, past: past === 'yes', scope }
  const shown = await lookAt(acting, view, told)
  const allowed = await Promise.all(
    rightsFor(told).map(({ action, target }) => may(authorize, view.actor, action, target)),
  )
  const order: Order = {
    ...told,
    shown,
    requestId: randomUUID(),
    mayNot: allowed.includes(false),
    mayPastPivot: await may(authorize, view.actor, 'compensate_past_pivot', targetOf(scope)),
    canary: canary ?? defaultCanary(verb, shown),
    rate: '10',
    reason: '',
  }
  return page(c, { title: orderTitle(order), body: orderPage(view, order) })
}

type Told = { readonly verb: OperationVerb; readonly past: boolean; readonly scope: ScopeQuery }

type Input = Told & { readonly form: OperationForm }

export function startOperation(c: Ctx, acting: Acting): Promise<Response> {
  const steps: Change<Input> = {
    parse: async () => {
      const form = operationForm.safeParse(await c.req.parseBody())
      if (!form.success)
        throw new Refusal(400, 'Not understood', 'The form was not complete. Open it again from the list.')
      const { verb, past, scope } = form.data
      return { verb, past: past === 'yes', scope: scopeOfText(scope), form: form.data }
    },
    rights: rightsFor,
    perform: (input) => start(c, acting, input),
  }
  return change(c, acting, steps)
}

function rightsFor({ verb, past, scope }: Told): readonly Right[] {
  return rightsToStart(verb, past, targetOf(scope))
}

/** The error group that the scope names. */
async function groupOf(acting: Acting, view: View, scope: ScopeQuery): Promise<ErrorGroup | undefined> {
  const id = scope['error-group']
  return id === undefined ? undefined : groupFor(acting, view, id, targetOf(scope))
}

function targetOf({ definition }: ScopeQuery): { readonly definition?: string } {
  return definition === undefined ? {} : { definition }
}

async function start(c: Ctx, acting: Acting, input: Input): Promise<Response> {
  const view = c.get('view')
  const { client } = acting
  const { verb, past, scope, form } = input
  const filter = scopeFilter(scope)
  const problems = problemsOf(form)
  const shown = await lookAt(acting, view, { verb, past, scope })
  // Behind that look: what a click has done that came twice is no change by somebody else.
  const earlier = await startedBy(client, form.requestId, view.actor.id)
  if (earlier !== undefined) return c.redirect(addressOf(view.base, earlier.id, true), 303)
  const changes = Object.keys(problems).length > 0 ? [] : changesSince(form, shown)
  if (Object.keys(problems).length > 0 || changes.length > 0) return again(c, input, shown, problems, changes)
  const canary = numberIn(form.canary, 0, MAX_CANARY) ?? 0
  const rate = numberIn(form.rate, MIN_RATE, MAX_RATE) ?? MIN_RATE
  // Never more than were shown: those that come meanwhile are for another one.
  const limit = form.more === 'yes' ? {} : { limit: Math.max(1, form.seen) }
  const { actor } = view
  const by = { actor: actor.id, reason: form.reason, requestId: form.requestId }
  const operation = await client.operations.start({
    ...orderFor(verb, filter, past, form.as),
    canary,
    rate,
    ...limit,
    ...by,
  })
  return c.redirect(addressOf(view.base, operation.id, false), 303)
}

function addressOf(base: string, id: string, again: boolean): string {
  return url(base, `/operations/${id}`, { done: 'started', again: again ? 'yes' : undefined })
}

/** The form once more, with what was filled in, and what has changed or is to be mended. */
function again(
  c: Ctx,
  { verb, past, scope, form }: Input,
  shown: Shown,
  problems: OrderProblems,
  changes: readonly string[],
): Response | Promise<Response> {
  const view = c.get('view')
  const { requestId, reason, as, canary, rate } = form
  const filled = { requestId, reason, as, canary, rate }
  const order: Order = {
    verb,
    past,
    scope,
    shown,
    mayNot: false,
    mayPastPivot: past,
    ...filled,
    problems,
    changes,
  }
  const title = `${orderTitle(order)} (not started)`
  return c.html(layout(view, { title, body: orderPage(view, order) }), changes.length > 0 ? 409 : 422)
}

function problemsOf({ verb, reason, as, canary, rate }: OperationForm): OrderProblems {
  const first = numberIn(canary, 0, MAX_CANARY)
  return {
    ...(isReason(reason) ? {} : { reason: true }),
    ...(verb === 'resolve' && as === undefined ? { as: 'Choose one of the two.' } : {}),
    ...(first !== undefined && Number.isInteger(first) ? {} : { canary: `A whole number from 0 to ${MAX_CANARY}.` }),
    ...(numberIn(rate, MIN_RATE, MAX_RATE) === undefined ? { rate: `A number from ${MIN_RATE} to ${MAX_RATE}.` } : {}),
  }
}

async function lookAt(acting: Acting, view: View, { verb, past, scope }: Told): Promise<Shown> {
  const filter = scopeFilter(scope)
  const group = await groupOf(acting, view, scope)
  return { filter, group, ...(await lookAtAll(acting.client, orderFor(verb, filter, past, undefined))) }
}

/** What is not any more as it was shown; that there are more sagas now is no reason, for those are not taken. */
function changesSince(form: OperationForm, now: Shown): readonly string[] {
  return changesIn({ fitting: form.fitting, others: form.others.split(' ') }, now)
}

function defaultCanary(verb: OperationVerb, { preview }: Shown): string {
  return (verb === 'retry' || verb === 'rerun') && preview.count > 1 ? '1' : '0'
}
