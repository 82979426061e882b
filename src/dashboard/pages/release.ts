/** Before a hold is released: what waits for it, at once or at a rate, and why. */
import type { HoldView } from '../../engine/operator-holds.ts'
import { crumbs } from '../partials/crumbs.ts'
import { hiddenField, numberField, reasonField } from '../partials/fields.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { ago } from '../partials/time.ts'
import type { View } from '../view.ts'
import { HELD_SIGN, RELEASED_SIGN, scopeInWords, waitingInWords } from '../words/definitions.ts'

export type ReleaseOrder = {
  readonly hold: HoldView
  readonly requestId: string
  readonly mayNot: boolean
  /** As it was typed. */
  readonly rate: string
  readonly reason: string
  readonly problems?: { readonly reason?: boolean; readonly rate?: string }
  /** It has been released, or its rate changed, since the page was shown. */
  readonly hasChanged?: boolean
}

/** How a form remembers how the hold stood. */
export function standOf({ release }: HoldView): string {
  return release === null ? 'in-force' : `${release.at.getTime()}:${release.rate}`
}

export function releasePage(view: View, order: ReleaseOrder): Markup {
  const { hold, requestId, mayNot, problems = {} } = order
  const { definition, release } = hold
  const back = url(view.base, `/definitions/${definition}`)
  return html`${crumbs([url(view.base, '/definitions'), 'Definitions'], [back, definition])}
<h1>${release === null ? 'Release' : 'Change the release'}</h1>
<p class="lead">${capital(scopeInWords(hold))}: what comes to it from now on passes at once. What has waited goes on, all of it at once or at a rate, the oldest first.</p>
${when(
  order.hasChanged === true,
  () =>
    html`<div class="problem" role="alert" id="problem"><p><b>Nothing was done: somebody has changed this since you looked.</b> This is how it is now; look at it again and confirm it.</p></div>`,
)}
<p>${sign(release === null ? HELD_SIGN : RELEASED_SIGN)} by <b>${(release ?? hold).actor}</b> ${ago(release === null ? hold.createdAt : release.at, view.now)}: ${(release ?? hold).reason}</p>
<p>${capital(waitingInWords(hold.waiting))}${release === null ? '' : `; ${release.letGo} have gone on, at ${release.rate} a second`}.</p>
${
  mayNot
    ? html`<p class="note">You have no right to order this. Ask somebody who has.</p><p><a class="button" href="${back}">Back to the definition</a></p>`
    : html`<form class="confirm" method="post" action="${url(view.base, `/holds/${hold.id}/release`)}">
  ${hiddenField('requestId', requestId)}${hiddenField('seen', standOf(hold))}
  ${numberField({
    name: 'rate',
    label: 'Rate',
    hint: 'Sagas a second; leave it empty to let all go at once. Mind whom they would overrun.',
    value: order.rate,
    min: '0.001',
    max: '1000',
    step: 'any',
    problem: problems.rate,
  })}
  ${reasonField(order.reason, problems.reason === true)}
  <ul class="buttons"><li><button class="first" type="submit">Release now</button></li><li><a class="button" href="${back}">Do nothing</a></li></ul>
</form>`
}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
