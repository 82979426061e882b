/** Before a hold is placed: what it stops, whether it is stopped already, and why. */
import type { HoldView } from '../../engine/operator-holds.ts'
import { crumbs } from '../partials/crumbs.ts'
import { choiceField, hiddenField, reasonField } from '../partials/fields.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { ago } from '../partials/time.ts'
import type { View } from '../view.ts'
import { type HoldSide, scopeInWords } from '../words/definitions.ts'

export type HoldOrder = {
  readonly definition: string
  readonly step: string | undefined
  readonly side: HoldSide | undefined
  /** Holds on the same step or definition that are in force. */
  readonly holds: readonly HoldView[]
  readonly requestId: string
  readonly mayNot: boolean
  readonly reason: string
  readonly isUnreasoned?: boolean
  /** Holds that came since the page was shown. */
  readonly added?: readonly HoldView[]
}

export function holdTitle({ definition, step }: Pick<HoldOrder, 'definition' | 'step'>): string {
  return `Hold ${step ?? definition}`
}

export function holdPage(view: View, order: HoldOrder): Markup {
  const { definition, step, side, holds, added = [], mayNot, requestId } = order
  const back = url(view.base, `/definitions/${definition}`)
  const sides = [
    { value: '', label: 'Both directions: nothing of it starts' },
    { value: 'action', label: `Going forward: ${step ?? 'no step'} does not start; undoing goes on` },
    {
      value: 'compensation',
      label: `Undoing: no compensation ${step === undefined ? 'starts' : `of ${step} starts`}; going forward goes on`,
    },
  ]
  return html`${crumbs([url(view.base, '/definitions'), 'Definitions'], [back, definition])}
<h1>${holdTitle(order)}</h1>
<p class="lead">Nothing new of ${step === undefined ? 'this definition' : 'this step'} starts until the hold is released, in all versions. What waits is kept, and needs no undoing; what is under way ends.</p>
${when(
  added.length > 0,
  () =>
    html`<div class="problem" role="alert" id="problem"><p><b>Nothing was done: somebody has held this since you looked.</b> A second hold would have to be released as well. Confirm it if you want that.</p></div>`,
)}
${holds.map((hold) => html`<p class="note">Held already: ${scopeInWords(hold)}, by <b>${hold.actor}</b> ${ago(hold.createdAt, view.now)}: ${hold.reason}</p>`)}
${
  mayNot
    ? html`<p class="note">You have no right to order this. Ask somebody who has.</p><p><a class="button" href="${back}">Back to the definition</a></p>`
    : html`<form class="confirm" method="post" action="${url(view.base, `/definitions/${definition}/holds`)}">
  ${hiddenField('requestId', requestId)}${hiddenField('step', step ?? '')}${hiddenField('seen', holds.map(({ id }) => id).join(' '))}
  ${choiceField('side', 'Which direction?', sides, side ?? '')}
  ${reasonField(order.reason, order.isUnreasoned === true)}
  <ul class="buttons"><li><button class="first" type="submit">Hold now</button></li><li><a class="button" href="${back}">Do nothing</a></li></ul>
</form>`
}`
}
