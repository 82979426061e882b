/** Before something is said of an error group: what that means, for how long, and why. */
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { Triage, TriageState } from '../../engine/store/triage.ts'
import { crumbs } from '../partials/crumbs.ts'
import { hiddenField, momentField, numberField, reasonField } from '../partials/fields.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { triageAddress } from '../partials/triage.ts'
import type { View } from '../view.ts'
import { groupInWords } from '../words/groups.ts'
import { TRIAGE_SIGNS, TRIAGE_WORDS, triageInWords } from '../words/triage.ts'

export type TriageProblems = {
  readonly reason?: boolean
  readonly version?: string
  readonly until?: string
  readonly more?: string
}

export type TriageOrderForm = {
  readonly errorGroup: string
  /** Absent where no saga is in it any more. */
  readonly group: ErrorGroup | undefined
  readonly triage: Triage | undefined
  readonly state: TriageState
  readonly requestId: string
  /** The revision that whoever fills it in has seen. */
  readonly seen: number
  readonly mayNot: boolean
  /** As it was typed. */
  readonly version: string
  readonly until: string
  readonly more: string
  readonly reason: string
  readonly problems?: TriageProblems
  /** Somebody has said something else since it was looked at. */
  readonly hasChanged?: boolean
}

export function triageTitle({ state }: Pick<TriageOrderForm, 'state'>): string {
  return TRIAGE_WORDS[state].label
}

export function triagePage(view: View, form: TriageOrderForm): Markup {
  const { errorGroup, group, triage, state, requestId, seen, mayNot, reason, problems = {} } = form
  const back = triageAddress(view, errorGroup)
  const stands = triage?.state ?? 'open'
  const name = group === undefined ? errorGroup : groupInWords(group)
  return html`${crumbs([url(view.base, '/errors'), 'Errors'], [back, name])}
<h1>${triageTitle(form)}</h1>
<p class="lead">${TRIAGE_WORDS[state].does}</p>
${when(
  form.hasChanged === true,
  () =>
    html`<div class="problem" role="alert" id="problem"><p><b>Nothing was done: somebody has changed this since you looked.</b> This is how it is now; look at it again and confirm it.</p></div>`,
)}
<p>${sign(TRIAGE_SIGNS[stands])} ${triage === undefined ? 'Nobody has said how it stands.' : triageInWords(triage)} ${triage?.why ?? ''}</p>
${
  mayNot
    ? html`<p class="note">You have no right to order this. Ask somebody who has.</p><p><a class="button" href="${back}">Back to the group</a></p>`
    : html`<form class="confirm" method="post" action="${triageAddress(view, errorGroup, '/triage')}">
  ${hiddenField('requestId', requestId)}${hiddenField('state', state)}${hiddenField('seen', String(seen))}
  ${fields(form, problems)}
  ${reasonField(reason, problems.reason === true)}
  <ul class="buttons"><li><button class="first" type="submit">${TRIAGE_WORDS[state].button}</button></li><li><a class="button" href="${back}">Do nothing</a></li></ul>
</form>`
}`
}

function fields({ state, group, version, until, more }: TriageOrderForm, problems: TriageProblems): Markup {
  if (state === 'resolved') {
    return numberField({
      name: 'version',
      label: 'In version',
      hint: `Of ${group?.definition ?? 'the definition'}. Sagas of older versions that die of it are then no regression. Leave it empty where any that does is one.`,
      value: version,
      min: '1',
      max: '1000000000',
      problem: problems.version,
    })
  }
  if (state === 'open') return html``
  return html`${momentField('until', 'Until (UTC)', 'Leave it empty to ignore it for good.', until, problems.until)}
${numberField({
  name: 'more',
  label: 'Or until so many more have come',
  hint: 'From 1 to 1000, or nothing.',
  value: more,
  min: '1',
  max: '1000',
  problem: problems.more,
})}`
}
