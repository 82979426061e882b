/** Acts on one saga: the form that comes in, the verb of the engine that it is for, and what is answered. */
import type { SagaOutline } from '../engine/excerpts.ts'
import type { ShownPlan } from '../engine/operator.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { SagaClient, SagaView } from '../engine/saga-client.ts'
import type { Ctx } from './answers.ts'
import { change } from './change.ts'
import type { AuthorizeActor } from './options.ts'
import { type Confirmation, confirmationTitle, planPage } from './pages/plan.ts'
import { refusedPage } from './pages/problem.ts'
import { layout } from './partials/layout.ts'
import { url } from './partials/markup.ts'
import { formOf } from './posting.ts'
import { type ActForm, actForm, actionName, isReason, sagaId } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'
import { ACTION_WORDS, type ActionName } from './words/actions.ts'

export type Acting = { readonly client: SagaClient; readonly authorize: AuthorizeActor; readonly logger: Logger }

type Input = { readonly saga: SagaView; readonly action: ActionName; readonly form: ActForm }

export function act(c: Ctx, acting: Acting): Promise<Response> {
  return change(c, acting, {
    parse: () => parse(c, acting.client),
    rights: ({ saga, action }) => [{ action, target: { sagaId: saga.id, definition: saga.definition } }],
    perform: (input) => order(c, acting, input),
  })
}

async function order(c: Ctx, acting: Acting, input: Input): Promise<Response> {
  const view = c.get('view')
  const { action } = input
  const problem = problemOf(input)
  if (problem !== undefined) return again(c, acting, input, { problem }, 422)
  try {
    const { sagaId: id, repeated } = await perform(acting.client, input, view.actor.id)
    return c.redirect(url(view.base, `/sagas/${id}`, { done: action, again: repeated ? 'yes' : undefined }), 303)
  } catch (error) {
    if (codeOf(error) === 'PLAN_CHANGED') {
      const plan = (error as { details: { plan: ShownPlan } }).details.plan
      const before = input.form.shown?.split(' ').filter((text) => text !== '')
      return again(
        c,
        acting,
        input,
        { problem: 'plan_changed', plan, ...(before === undefined ? {} : { before }) },
        409,
      )
    }
    if (codeOf(error) === 'ORDER_REFUSED') return refused(c, acting.client, input, error as Error)
    throw error
  }
}

async function parse(c: Ctx, client: SagaClient): Promise<Input> {
  const action = actionName.safeParse(c.req.param('action'))
  if (!action.success) throw new Refusal(404, 'No such act', 'There is no such act.')
  const saga = await readSaga(client, c.req.param('id'))
  const form = await formOf(c, actForm, 'the saga')
  if (ACTION_WORDS[action.data].plan !== undefined && form.plan === undefined) {
    throw new Refusal(
      400,
      'No plan was shown',
      'This act needs the plan that was shown before it. Open it from the saga.',
    )
  }
  return { saga, action: action.data, form }
}

/** Without its payloads, and without more of its history than a page needs. @throws Refusal 404. */
export async function readSaga(client: SagaClient, id: string | undefined): Promise<SagaView> {
  return (await readOutline(client, id)).saga
}

/** @throws Refusal 404. */
export async function readOutline(client: SagaClient, id: string | undefined): Promise<SagaOutline> {
  const parsed = sagaId.safeParse(id)
  const outline = parsed.success ? await client.excerpts.outline(parsed.data) : undefined
  if (outline !== undefined) return outline
  throw new Refusal(
    404,
    'No such saga',
    'There is no saga with this id. It may have been deleted since, when it was old.',
  )
}

function problemOf({ action, form }: Input): Confirmation['problem'] {
  if (!isReason(form.reason)) return 'no_reason'
  return action === 'resolve' && form.as === undefined ? 'no_outcome' : undefined
}

/** @returns the saga to show next, and whether this request had been done before. */
async function perform(
  { operator }: SagaClient,
  { saga, action, form }: Input,
  actor: string,
): Promise<{ sagaId: string; repeated: boolean }> {
  const by = { actor, reason: form.reason, requestId: form.requestId }
  const planned = { ...by, ...(form.plan === undefined ? {} : { plan: form.plan }) }
  switch (action) {
    case 'retry':
      return operator.retry(saga.id, planned)
    case 'compensate':
      return operator.compensate(saga.id, planned)
    case 'compensate_past_pivot':
      return operator.compensate(saga.id, { ...planned, pastPivot: true })
    case 'cancel':
      return operator.cancel(saga.id, planned)
    case 'pause':
      return operator.pause(saga.id, by)
    case 'resume':
      return operator.resume(saga.id, by)
    case 'resolve':
      return operator.resolve(saga.id, { ...by, as: form.as ?? 'completed' })
    case 'rerun': {
      const { newSagaId, repeated } = await operator.rerun(saga.id, by)
      return { sagaId: newSagaId, repeated }
    }
  }
}

/** The plan that goes with an act; `undefined` for those that do one thing only. */
export function planFor(client: SagaClient, id: string, action: ActionName): Promise<ShownPlan> | undefined {
  const order = ACTION_WORDS[action].plan
  if (order === undefined) return undefined
  return client.operator.plan(id, order, { pastPivot: action === 'compensate_past_pivot' })
}

/** The form once more, with what was filled in and why it comes back. */
async function again(
  c: Ctx,
  { client }: Acting,
  { saga, action, form }: Input,
  change: Pick<Confirmation, 'problem' | 'before'> & { readonly plan?: ShownPlan },
  status: 409 | 422,
): Promise<Response> {
  const view = c.get('view')
  const plan = change.plan ?? (await planFor(client, saga.id, action))
  const { reason, requestId, as } = form
  const confirmation: Confirmation = { saga, action, requestId, mayNot: false, reason, as, ...change, plan }
  const title = `${confirmationTitle(confirmation)} (not done)`
  return c.html(layout(view, { title, body: planPage(view, confirmation) }), status)
}

/** 409: the order does not fit, and what does. */
export async function refused(
  c: Ctx,
  client: SagaClient,
  { saga, action }: Pick<Input, 'saga' | 'action'>,
  why: Error,
): Promise<Response> {
  const view = c.get('view')
  const now = (await client.excerpts.outline(saga.id))?.saga ?? saga
  const body = refusedPage(view, now, action, why.message)
  return c.html(layout(view, { title: `${ACTION_WORDS[action].label} does not fit`, body }), 409)
}

/** The code of an error of the engine. Told by its shape: the client may come from another copy of the package. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'SagaError' || !('code' in error)) return undefined
  return String(error.code)
}
