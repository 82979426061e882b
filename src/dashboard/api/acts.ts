/** Acts on one saga: the verbs of the engine, each held to the plan that was shown where it has one. */
import type { z } from 'zod'
import type { Action } from '../../engine/access.ts'
import type { Plan, PlanStep } from '../../engine/core/plan.ts'
import type { Done, ShownPlan } from '../../engine/operator.ts'
import type { SagaClient, SagaView } from '../../engine/saga-client.ts'
import { codeOf, readSaga } from '../acts.ts'
import { may } from '../security/rights.ts'
import { ApiProblem, partsOf } from './problems.ts'
import { type Route, route } from './route.ts'
import { completeBody, editBody, eraseBody, plainBody, plannedBody, resolveBody } from './shapes/acts.ts'
import { actAnswer, planAnswer } from './shapes/sagas.ts'

const MAX_INPUT_BYTES = 1024 * 1024

type By = { readonly actor: string; readonly reason: string; readonly requestId?: string }

type Act<B extends z.ZodType> = {
  /** Its name is that of the right to it. */
  readonly name: Action
  readonly summary: string
  readonly body: B
  readonly maxBodyBytes?: number
  readonly order: (client: SagaClient, id: string, by: By, body: z.output<B>) => Promise<Done & { newSagaId?: string }>
}

/** The acts whose plan is looked at first, with the engine's order for each. */
export const PLANNED = {
  retry: 'retry',
  compensate: 'compensate',
  compensate_past_pivot: 'compensate',
  cancel: 'cancel',
  revert: 'revert',
} as const satisfies Partial<Record<Action, Plan['order']>>

export type PlannedAct = keyof typeof PLANNED

export function planOf(client: SagaClient, id: string, act: PlannedAct): Promise<ShownPlan> {
  return client.operator.plan(id, PLANNED[act], { pastPivot: act === 'compensate_past_pivot' })
}

function act<B extends z.ZodType<{ reason: string; requestId?: string | undefined }>>(spec: Act<B>): Route {
  const { name, summary, body, maxBodyBytes, order } = spec
  return route<SagaView, never, B>({
    path: `/sagas/:id/acts/${name}`,
    name: camel(name),
    tag: 'acts',
    summary,
    right: name,
    body,
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    answer: actAnswer,
    refuses: [404, 409],
    find: ({ parts, params }) => readSaga(parts.client, params['id']),
    rights: ({ id, definition }) => [{ action: name, target: { sagaId: id, definition } }],
    perform: async ({ parts, actor, body: told }, { id }) => {
      const { reason, requestId } = told as { reason: string; requestId?: string | undefined }
      const by = { actor: actor.id, reason, ...(requestId === undefined ? {} : { requestId }) }
      const { sagaId, repeated, newSagaId } = await order(parts.client, id, by, told).catch((error: unknown) => {
        throw changed(error, told)
      })
      return { sagaId, act: name, repeated, ...(newSagaId === undefined ? {} : { newSagaId }) }
    },
  })
}

/** Of a plan that has changed: what has, if the steps that were seen came along. */
function changed(error: unknown, body: unknown): unknown {
  const before = (body as { readonly shown?: readonly PlanStep[] }).shown
  if (codeOf(error) !== 'PLAN_CHANGED' || before === undefined) return error
  const parts = partsOf(error)
  const now = (error as { readonly details: { readonly plan: ShownPlan } }).details.plan.steps
  return new ApiProblem({ ...parts, more: { ...parts.more, changes: differences(before, now) } })
}

type Difference = { readonly step: string; readonly was: string | null; readonly is: string | null }

export function differences(before: readonly PlanStep[], now: readonly PlanStep[]): readonly Difference[] {
  const names = new Set([...before, ...now].map(({ step }) => step))
  const willOf = (steps: readonly PlanStep[], name: string) => {
    const own = steps.filter(({ step }) => step === name).map(({ will, items }) => (items ? `${will} ${items}` : will))
    return own.length === 0 ? null : own.join(', ')
  }
  return [...names]
    .map((step) => ({ step, was: willOf(before, step), is: willOf(now, step) }))
    .filter(({ was, is }) => was !== is)
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())
}

const planned = (name: PlannedAct, summary: string): Route =>
  act({
    name,
    summary,
    body: plannedBody,
    order: ({ operator }, id, by, { plan }) => {
      const held = { ...by, plan }
      return name === 'compensate_past_pivot'
        ? operator.compensate(id, { ...held, pastPivot: true })
        : operator[name](id, held)
    },
  })

const plan = (name: PlannedAct): Route =>
  route<SagaView>({
    path: `/sagas/:id/plans/${name}`,
    name: `${camel(name)}Plan`,
    tag: 'acts',
    summary: `What ${name} will do, step by step, and the hash that holds it to that.`,
    right: 'read',
    answer: planAnswer,
    refuses: [404, 409],
    find: ({ parts, params }) => readSaga(parts.client, params['id']),
    rights: ({ id, definition }) => [{ action: 'read', target: { sagaId: id, definition } }],
    perform: async ({ parts, actor }, { id, definition }) => {
      const shown = await planOf(parts.client, id, name)
      const mayDo = await may(parts.authorize, actor, name, { sagaId: id, definition })
      return { sagaId: id, act: name, may: mayDo, plan: shown }
    },
  })

export const ACT_ROUTES: readonly Route[] = [
  ...(Object.keys(PLANNED) as PlannedAct[]).map(plan),
  planned('retry', 'Goes on where a dead letter stopped, or skips a backoff.'),
  planned('compensate', 'Turns a dead letter, or a live saga, backward.'),
  planned('compensate_past_pivot', 'Undoes what can be undone although the pivot is passed.'),
  planned('cancel', 'Turns a live saga backward.'),
  planned('revert', 'Undoes a completed saga, in the time that its definition gives.'),
  act({
    name: 'pause',
    summary: 'Nothing new of it starts; what is in flight ends.',
    body: plainBody,
    order: ({ operator }, id, by) => operator.pause(id, by),
  }),
  act({
    name: 'resume',
    summary: 'Ends a pause.',
    body: plainBody,
    order: ({ operator }, id, by) => operator.resume(id, by),
  }),
  act({
    name: 'resolve',
    summary: 'Says that a dead letter was handled outside, and as what. Final.',
    body: resolveBody,
    order: ({ operator }, id, by, { as }) => operator.resolve(id, { ...by, as }),
  }),
  act({
    name: 'rerun',
    summary: 'Starts a new saga with the input of a compensated one, linked to it.',
    body: plainBody,
    order: ({ operator }, id, by) => operator.rerun(id, by),
  }),
  act({
    name: 'complete',
    summary: 'Says that a step, or its undoing, was done outside, with what came of it.',
    body: completeBody,
    maxBodyBytes: MAX_INPUT_BYTES,
    order: ({ operator }, id, by, { step, result }) =>
      operator.complete(id, { ...by, step, ...(result === undefined ? {} : { result }) }),
  }),
  act({
    name: 'edit_input',
    summary: 'Gives a dead letter another input and sends it on.',
    body: editBody,
    maxBodyBytes: MAX_INPUT_BYTES,
    order: ({ operator }, id, by, { input }) => operator.editInput(id, { ...by, input }),
  }),
  act({
    name: 'erase',
    summary: 'Removes the payloads of a saga that is at rest, for good.',
    body: eraseBody,
    order: ({ operator }, id, by, { tags }) => operator.erase(id, { ...by, tags }),
  }),
]
