/**
 * Holds: placing and releasing them. Who comes second is told what the first one has done, instead of doing it again.
 */
import { randomUUID } from 'node:crypto'
import type { Target } from '../../engine/access.ts'
import { nodeOf } from '../../engine/core/blueprint.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import { type Acting, codeOf } from '../acts.ts'
import { type Ctx, page, parsed } from '../answers.ts'
import { change } from '../change.ts'
import { type HoldOrder, holdPage, holdTitle } from '../pages/hold.ts'
import { type ReleaseOrder, releasePage, standOf } from '../pages/release.ts'
import { numberIn } from '../partials/fields.ts'
import { layout } from '../partials/layout.ts'
import { url } from '../partials/markup.ts'
import {
  type HoldForm,
  holdForm,
  holdQuery,
  isReason,
  type ReleaseForm,
  releaseForm,
  sagaId,
} from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'
import { noSuchDefinition } from './definitions.ts'

const MAX_RATE = 1_000
const MIN_RATE = 0.001

export async function showHold(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const { step, side } = parsed(holdQuery, c.req.query())
  const definition = c.req.param('name') ?? ''
  await demandRight(authorize, view.actor, 'read', { definition })
  await mustBeKnown(client, definition, step)
  const order: HoldOrder = {
    definition,
    step,
    side,
    holds: await inForce(client, definition, step),
    requestId: randomUUID(),
    mayNot: !(await may(authorize, view.actor, 'hold', targetOf(definition, step))),
    reason: '',
  }
  return page(c, { title: `${holdTitle(order)} of ${definition}`, body: holdPage(view, order) })
}

type Placing = { readonly definition: string; readonly form: HoldForm }

export function placeHold(c: Ctx, acting: Acting): Promise<Response> {
  const { client } = acting
  return change<Placing>(c, acting, {
    parse: async () => {
      const form = holdForm.safeParse(await c.req.parseBody())
      if (!form.success) throw incomplete()
      return { definition: c.req.param('name') ?? '', form: form.data }
    },
    rights: ({ definition, form }) => [{ action: 'hold', target: targetOf(definition, form.step) }],
    perform: (input) => place(c, client, input),
  })
}

async function place(c: Ctx, client: SagaClient, { definition, form }: Placing): Promise<Response> {
  const view = c.get('view')
  const { step, side, reason, requestId } = form
  await mustBeKnown(client, definition, step)
  const holds = await inForce(client, definition, step)
  const seen = form.seen.split(' ')
  // The same click, come twice, is its own first one.
  const added = holds.filter(
    (hold) => !seen.includes(hold.id) && !(hold.actor === view.actor.id && hold.reason === reason),
  )
  const isUnreasoned = !isReason(reason)
  if (isUnreasoned || added.length > 0) {
    const order: HoldOrder = { definition, step, side, holds, requestId, mayNot: false, reason, isUnreasoned, added }
    const title = `${holdTitle(order)} (not done)`
    return c.html(layout(view, { title, body: holdPage(view, order) }), added.length > 0 ? 409 : 422)
  }
  const scope = { definition, ...(step === undefined ? {} : { step }), ...(side === undefined ? {} : { side }) }
  await client.operator.hold(scope, { actor: view.actor.id, reason, requestId })
  return c.redirect(url(view.base, `/definitions/${definition}`, { done: 'held' }), 303)
}

export async function showRelease(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const hold = await findHold(client, c.req.param('id'))
  if (hold === undefined) throw released()
  const target = targetOf(hold.definition, hold.step ?? undefined)
  await demandRight(authorize, view.actor, 'read', target)
  const order: ReleaseOrder = {
    hold,
    requestId: randomUUID(),
    mayNot: !(await may(authorize, view.actor, 'release', target)),
    rate: hold.release === null ? '' : String(hold.release.rate),
    reason: '',
  }
  return page(c, { title: `Release ${hold.step ?? hold.definition}`, body: releasePage(view, order) })
}

type Releasing = { readonly id: string; readonly hold: HoldView | undefined; readonly form: ReleaseForm }

export function releaseHold(c: Ctx, acting: Acting): Promise<Response> {
  const { client } = acting
  return change<Releasing>(c, acting, {
    parse: async () => {
      const id = sagaId.safeParse(c.req.param('id'))
      if (!id.success) throw released()
      const form = releaseForm.safeParse(await c.req.parseBody())
      if (!form.success) throw incomplete()
      return { id: id.data, hold: await findHold(client, id.data), form: form.data }
    },
    rights: ({ hold }) => [
      { action: 'release', target: hold === undefined ? {} : targetOf(hold.definition, hold.step ?? undefined) },
    ],
    perform: (input) => release(c, client, input),
  })
}

async function release(c: Ctx, client: SagaClient, { id, hold, form }: Releasing): Promise<Response> {
  const view = c.get('view')
  const { reason, requestId, seen } = form
  const rate = form.rate === '' ? undefined : numberIn(form.rate, MIN_RATE, MAX_RATE)
  const problems = {
    ...(isReason(reason) ? {} : { reason: true }),
    ...(form.rate !== '' && rate === undefined
      ? { rate: `A number from ${MIN_RATE} to ${MAX_RATE}, or nothing.` }
      : {}),
  }
  if (hold !== undefined) {
    const isOwn = hold.release?.actor === view.actor.id && hold.release.reason === reason
    const hasChanged = standOf(hold) !== seen && !isOwn
    if (hasChanged || Object.keys(problems).length > 0) {
      const order: ReleaseOrder = { hold, requestId, mayNot: false, rate: form.rate, reason, problems, hasChanged }
      const body = releasePage(view, order)
      return c.html(layout(view, { title: 'Release (not done)', body }), hasChanged ? 409 : 422)
    }
  }
  try {
    await client.operator.release(id, {
      actor: view.actor.id,
      reason,
      requestId,
      ...(rate === undefined ? {} : { rate }),
    })
  } catch (error) {
    throw codeOf(error) === 'HOLD_NOT_FOUND' || hold === undefined ? released() : error
  }
  const to = hold === undefined ? '/definitions' : `/definitions/${hold.definition}`
  return c.redirect(url(view.base, to, hold === undefined ? {} : { done: 'released' }), 303)
}

export async function findHold(client: SagaClient, id: string | undefined): Promise<HoldView | undefined> {
  return (await client.operator.holds()).find((hold) => hold.id === id?.toLowerCase())
}

/** Those that stop the same step, or all of the definition. */
export async function inForce(
  client: SagaClient,
  definition: string,
  step: string | undefined,
): Promise<readonly HoldView[]> {
  return (await client.operator.holds()).filter(
    (hold) =>
      hold.definition === definition &&
      hold.release === null &&
      (hold.step === null || (step !== undefined && (hold.names ?? [hold.step]).includes(step))),
  )
}

/** @throws Refusal 404. */
export async function mustBeKnown(client: SagaClient, definition: string, step: string | undefined): Promise<void> {
  const [known] = await client.system.definitions({ name: definition, cap: 1 })
  if (known === undefined) throw noSuchDefinition()
  const has = known.versions.some(({ blueprint }) => blueprint !== null && nodeOf(blueprint, step ?? '') !== undefined)
  if (step !== undefined && !has)
    throw new Refusal(404, 'No such step', `No version of ${definition} has such a step now.`)
}

export function targetOf(definition: string, step: string | undefined): Target {
  return { definition, ...(step === undefined ? {} : { step }) }
}

function incomplete(): Refusal {
  return new Refusal(400, 'Not understood', 'The form was not complete. Open it again from the definition.')
}

export function released(): Refusal {
  return new Refusal(
    409,
    'It is released already',
    'There is no such hold in force any more: somebody has released it. Nothing was done.',
  )
}
