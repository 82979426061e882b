/** One error group: what is the matter in a sentence, what can be done with all of it, and its newest sagas. */
import type { HoldView } from '../../engine/operator-holds.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { SagaSummary } from '../../engine/store/reading.ts'
import { crumbs } from '../partials/crumbs.ts'
import { AS_SAGAS_CHANGE, EVERY_S, live, liveSwitch, streamFor } from '../partials/live.ts'
import { clip, html, type Markup, url, when } from '../partials/markup.ts'
import { sagaTable } from '../partials/sagas.ts'
import { ago, exact } from '../partials/time.ts'
import { history, noteForm, standing, type TriageDetail } from '../partials/triage.ts'
import type { StepNames } from '../step-names.ts'
import type { View } from '../view.ts'
import { scopeInWords } from '../words/definitions.ts'
import { stepName } from '../words/position.ts'
import { GROUP_REASONS } from '../words/reasons.ts'
import { groupAddress, sizeOf } from './errors.ts'

export const GROUP_SAGAS = 20
const MAX_TITLE_CHARACTERS = 120
const MAX_MESSAGE_CHARACTERS = 2_000

export type GroupDetail = {
  readonly group: ErrorGroup
  readonly sagas: readonly SagaSummary[]
  /** On its step, or its definition. */
  readonly holds: readonly HoldView[]
  readonly triage: TriageDetail
  readonly mayOperate: boolean
  readonly mayHold: boolean
}

export function groupTitle({ message, code, step, definition }: ErrorGroup): string {
  const what = message !== null && message !== '' ? message : (code ?? (step === null ? definition : stepName(step)))
  return clip(what, MAX_TITLE_CHARACTERS)
}

/** @param requestId of the note that may be written. */
export function groupPage(
  view: View,
  detail: GroupDetail,
  names: StepNames,
  isOff: boolean,
  requestId: string,
): Markup {
  const to = (off: 'off' | undefined) => `${groupAddress(view, detail.group.id)}${off === undefined ? '' : '?live=off'}`
  return html`${crumbs([url(view.base, '/errors'), 'Errors'])}
<div class="heading"><h1>${groupTitle(detail.group)}</h1>${liveSwitch(isOff, to, EVERY_S, streamFor(view, { definition: detail.group.definition }))}</div>
${groupPart(view, detail, names, isOff)}
${noteForm(view, detail.triage, requestId)}`
}

/** No saga is in it any more, and what people have made of it stays. */
export function gonePage(view: View, detail: TriageDetail, requestId: string): Markup {
  const { errorGroup, triage } = detail
  const where = triage?.step ? ` at ${stepName(triage.step)}` : ''
  return html`${crumbs([url(view.base, '/errors'), 'Errors'])}
<h1>Nothing left in this group</h1>
<p class="lead">No saga is a dead letter for this error now${triage === undefined ? '' : html`: it was one of <b>${triage.definition}</b>${where}`}. <span class="muted">${errorGroup}</span></p>
${standing(view, detail)}
${history(view, detail)}
${noteForm(view, detail, requestId)}`
}

export function groupPart(view: View, detail: GroupDetail, names: StepNames, isOff: boolean): Markup {
  const { group, sagas, holds } = detail
  const said = sentence(group)
  const all = url(view.base, '/sagas', { 'error-group': group.id })
  const body = html`<section class="verdict bad" aria-label="What is the matter"><p class="said">${said}</p>
${example(group)}</section>
${holds.map((hold) => html`<p class="note">Held: ${scopeInWords(hold)}, by <b>${hold.actor}</b> ${ago(hold.createdAt, view.now)}: ${hold.reason}. <a href="${url(view.base, `/definitions/${hold.definition}`)}">Holds of ${hold.definition}</a></p>`)}
${actions(view, detail)}
${standing(view, detail.triage)}
<section aria-labelledby="h-sagas"><h2 id="h-sagas">Its sagas</h2>${sagaTable(view, sagas, names)}
${when(group.count > sagas.length, () => html`<p class="pages"><a href="${all}">All ${sizeOf(group)} sagas of this group</a></p>`)}</section>
${history(view, detail.triage)}`
  return live(view, isOff ? undefined : groupAddress(view, group.id), said, body, AS_SAGAS_CHANGE)
}

/** `50 sagas of fulfil-order stopped at send-mail going forward: …. The first came at …, the last at ….` */
function sentence(group: ErrorGroup): string {
  const { count, definition, step, direction, reason, firstSeenAt, lastSeenAt } = group
  const where = step === null ? '' : ` at ${stepName(step)}`
  const who = count === 1 ? `1 saga of ${definition} has` : `${sizeOf(group)} sagas of ${definition} have`
  const since =
    count === 1
      ? `It came at ${exact(lastSeenAt)}.`
      : `The first came at ${exact(firstSeenAt)}, the last at ${exact(lastSeenAt)}.`
  return `${who} stopped${where}, going ${direction}: ${GROUP_REASONS[reason]}. ${since}`
}

/** The code, and what the newest of them said, where the title does not hold all of that. */
function example(group: ErrorGroup): Markup {
  const { message, code } = group
  const isWhole = message === null || message === '' || message === groupTitle(group)
  return html`${when(code !== null, () => html`<p class="muted">${clip(code ?? '', 80)}</p>`)}${when(
    !isWhole,
    () => html`<p class="error"><span class="muted">Such as</span>${clip(message ?? '', MAX_MESSAGE_CHARACTERS)}</p>`,
  )}`
}

function actions(view: View, { group, mayOperate, mayHold }: GroupDetail): Markup {
  const { id, definition, step, direction, count } = group
  const order = (verb: 'retry' | 'compensate' | 'resolve', canary?: string) =>
    url(view.base, '/operations/new', { verb, 'error-group': id, definition, canary })
  const hold = url(view.base, `/definitions/${definition}/hold`, {
    step: step === null || step.startsWith('@') ? undefined : step.replace(/\[.*$/, ''),
    side: direction === 'backward' ? 'compensation' : 'action',
  })
  const lacking =
    mayOperate && mayHold
      ? ''
      : `${view.actor.name ?? view.actor.id} has no right to ${mayOperate ? 'hold' : mayHold ? 'start operations' : 'start operations, or to hold'}.`
  return html`<section class="actions" aria-label="Actions"><ul class="buttons">
${when(
  mayOperate,
  () => html`<li><a class="button first" href="${order('retry', count > 1 ? '1' : undefined)}">${count > 1 ? 'Retry one, then the others…' : 'Retry…'}</a></li>
${when(count > 10, () => html`<li><a class="button" href="${order('retry', '10')}">Retry ten, then the others…</a></li>`)}
${when(count > 1, () => html`<li><a class="button" href="${order('retry', '0')}">Retry all at a rate…</a></li>`)}
<li><a class="button" href="${order('compensate')}">Compensate all…</a></li>
<li><a class="button" href="${order('resolve')}">Resolve all…</a></li>`,
)}
${when(mayHold, () => html`<li><a class="button" href="${hold}">Hold ${step === null || step.startsWith('@') ? definition : stepName(step)}…</a></li>`)}
</ul>${when(lacking !== '', () => html`<p class="muted">${lacking}</p>`)}</section>`
}
