/** What is made of an error group. Who comes second is told what the first one has said, instead of overwriting it. */
import { randomUUID } from 'node:crypto'
import type { Target } from '../../engine/access.ts'
import type { SagaError } from '../../engine/errors.ts'
import type { TriageOrder } from '../../engine/operator-triage.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { Triage } from '../../engine/store/triage.ts'
import { type Acting, codeOf } from '../acts.ts'
import { type Ctx, page, parsed } from '../answers.ts'
import { change } from '../change.ts'
import { type TriageOrderForm, type TriageProblems, triagePage, triageTitle } from '../pages/triage.ts'
import { crumbs } from '../partials/crumbs.ts'
import { numberIn } from '../partials/fields.ts'
import { layout } from '../partials/layout.ts'
import { html, url } from '../partials/markup.ts'
import { noteForm as noteFields, standing, triageAddress } from '../partials/triage.ts'
import { formOf } from '../posting.ts'
import type { Redaction } from '../redaction.ts'
import { findGroup } from '../scope.ts'
import {
  isReason,
  MAX_REASON_CHARACTERS,
  type NoteForm,
  noteForm,
  type TriageForm,
  triageForm,
  triageQuery,
  typedMoment,
} from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'

const MAX_VERSION = 1_000_000_000
const MAX_MORE = 1_000
const DAY_MS = 24 * 60 * 60 * 1_000

export type Triaged = {
  readonly errorGroup: string
  readonly group: ErrorGroup | undefined
  readonly triage: Triage | undefined
  readonly definition: string
  readonly step: string | null
}

/** The group, or what is left of it. @throws Refusal 404. */
export async function readTriaged(client: SagaClient, redaction: Redaction, id: string | undefined): Promise<Triaged> {
  const errorGroup = /^[\w:.-]{1,100}$/.test(id ?? '') ? (id ?? '') : undefined
  const group = errorGroup === undefined ? undefined : await findGroup(client, redaction, errorGroup)
  const triage = errorGroup === undefined ? undefined : (group?.triage ?? (await client.triage(errorGroup)))
  const of = group ?? triage
  if (errorGroup === undefined || of === undefined) throw nothingLeft()
  return { errorGroup, group, triage: triage ?? undefined, definition: of.definition, step: of.step }
}

/** Whoever sees the page of a group that is worked off is told so, and not that something is wrong. */
export function nothingLeft(): Refusal {
  return new Refusal(404, 'Nothing left in this group', 'No saga is a dead letter for this error now.')
}

export function triageTarget({ definition, errorGroup, step }: Omit<Triaged, 'group' | 'triage'>): Target {
  return { definition, errorGroup, ...(step === null ? {} : { step }) }
}

export async function showTriage(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const { state } = parsed(triageQuery, c.req.query())
  const of = await readTriaged(client, c.get('view').redaction, c.req.param('group'))
  await demandRight(authorize, view.actor, 'read', { definition: of.definition })
  const tomorrow = new Date(view.now + DAY_MS).toISOString().slice(0, 16)
  const form: TriageOrderForm = {
    errorGroup: of.errorGroup,
    group: of.group,
    triage: of.triage,
    state,
    requestId: randomUUID(),
    seen: revisionOf(of.triage),
    mayNot: !(await may(authorize, view.actor, 'triage', triageTarget(of))),
    version: '',
    until: tomorrow,
    more: '',
    reason: '',
  }
  return page(c, { title: triageTitle(form), body: triagePage(view, form) })
}

type Input<Form> = { readonly of: Triaged; readonly form: Form }

export function triageGroup(c: Ctx, acting: Acting): Promise<Response> {
  return change<Input<TriageForm>>(c, acting, {
    parse: async () => ({
      of: await readTriaged(acting.client, c.get('view').redaction, c.req.param('group')),
      form: await formOf(c, triageForm, 'the error group'),
    }),
    rights: ({ of }) => [{ action: 'triage', target: triageTarget(of) }],
    perform: (input) => triage(c, acting.client, input),
  })
}

async function triage(c: Ctx, client: SagaClient, { of, form }: Input<TriageForm>): Promise<Response> {
  const view = c.get('view')
  const { state, reason, requestId, seen } = form
  const order = orderOf(form)
  const problems = { ...order.problems, ...(isReason(reason) ? {} : { reason: true }) }
  if (Object.keys(problems).length > 0) return again(c, of, form, { problems })
  try {
    await client.operator.triage(of.errorGroup, order.order, { actor: view.actor.id, reason, requestId, seen })
  } catch (error) {
    if (isPastUntil(error)) return again(c, of, form, { problems: { until: 'A moment that is to come, or nothing.' } })
    if (codeOf(error) !== 'TRIAGE_CHANGED') throw error
    return again(
      c,
      await readTriaged(client, c.get('view').redaction, of.errorGroup),
      { ...form, state },
      { hasChanged: true },
    )
  }
  return c.redirect(url(view.base, `/errors/${encodeURIComponent(of.errorGroup)}`, { done: 'triaged' }), 303)
}

/** The engine's clock decides. */
function isPastUntil(error: unknown): boolean {
  return codeOf(error) === 'ACT_INVALID' && (error as SagaError).details.field === 'until'
}

function revisionOf(triage: Triage | undefined): number {
  return triage?.revision ?? 0
}

/**
 * The form once more, with what was filled in. What has changed since it was looked at counts as seen only where the page
 * says that it has changed.
 */
function again(
  c: Ctx,
  { errorGroup, group, triage: now }: Triaged,
  { state, version, until, more, reason, requestId, seen }: TriageForm,
  why: { readonly problems?: TriageProblems; readonly hasChanged?: boolean },
): Response | Promise<Response> {
  const view = c.get('view')
  const filled = { version, until, more, reason, requestId, seen: why.hasChanged === true ? revisionOf(now) : seen }
  const form: TriageOrderForm = { errorGroup, group, triage: now, state, mayNot: false, ...filled, ...why }
  const title = `${triageTitle(form)} (not done)`
  return c.html(layout(view, { title, body: triagePage(view, form) }), why.hasChanged === true ? 409 : 422)
}

function orderOf({ state, version, until, more }: TriageForm): {
  readonly order: TriageOrder
  readonly problems: TriageProblems
} {
  if (state === 'open') return { order: { state }, problems: {} }
  if (state === 'resolved') {
    const number = wholeIn(version, MAX_VERSION)
    if (version !== '' && number === undefined) {
      return { order: { state }, problems: { version: 'The number of a version, or nothing.' } }
    }
    return { order: { state, ...(number === undefined ? {} : { version: number }) }, problems: {} }
  }
  const moment = typedMoment.safeParse(until)
  const untilMore = wholeIn(more, MAX_MORE)
  const at = moment.data === undefined ? {} : { until: new Date(moment.data) }
  return {
    order: { state, ...at, ...(untilMore === undefined ? {} : { untilMore }) },
    problems: {
      ...(moment.success ? {} : { until: 'A date and a time, or nothing.' }),
      ...(more !== '' && untilMore === undefined ? { more: `A whole number from 1 to ${MAX_MORE}, or nothing.` } : {}),
    },
  }
}

function wholeIn(typed: string, max: number): number | undefined {
  const number = numberIn(typed, 1, max)
  return Number.isInteger(number) ? number : undefined
}

export function noteGroup(c: Ctx, acting: Acting): Promise<Response> {
  return change<Input<NoteForm>>(c, acting, {
    parse: async () => ({
      of: await readTriaged(acting.client, c.get('view').redaction, c.req.param('group')),
      form: await formOf(c, noteForm, 'the error group'),
    }),
    rights: ({ of }) => [{ action: 'triage', target: triageTarget(of) }],
    perform: (input) => note(c, acting.client, input),
  })
}

async function note(c: Ctx, client: SagaClient, { of, form }: Input<NoteForm>): Promise<Response> {
  const view = c.get('view')
  const { note: text, requestId, seen } = form
  if (text !== '' && !isReason(text)) {
    return noteAgain(c, of, form, `At most ${MAX_REASON_CHARACTERS} characters, that can be stored.`, 422)
  }
  try {
    await client.operator.note(of.errorGroup, text === '' ? null : text, { actor: view.actor.id, requestId, seen })
  } catch (error) {
    if (codeOf(error) !== 'TRIAGE_CHANGED') throw error
    const now = await readTriaged(client, c.get('view').redaction, of.errorGroup)
    return noteAgain(
      c,
      now,
      form,
      'Nothing was done: somebody has changed this since you looked. It stands above.',
      409,
    )
  }
  return c.redirect(url(view.base, `/errors/${encodeURIComponent(of.errorGroup)}`, { done: 'noted' }), 303)
}

function noteAgain(
  c: Ctx,
  { errorGroup, triage: now }: Triaged,
  { note: text, requestId, seen: before }: NoteForm,
  problem: string,
  status: 409 | 422,
): Response | Promise<Response> {
  const view = c.get('view')
  const seen = status === 409 ? revisionOf(now) : before
  const detail = { errorGroup, triage: now, history: [], mayTriage: true }
  const body = html`${crumbs([url(view.base, '/errors'), 'Errors'], [triageAddress(view, errorGroup), errorGroup])}<h1>Note</h1>
${standing(view, detail)}${noteFields(view, detail, requestId, { note: text, problem, seen })}`
  return c.html(layout(view, { title: 'Note (not kept)', body }), status)
}
