/** Before an operation is paused, resumed or aborted: what that means, and why. */
import type { Operation } from '../../engine/operation-order.ts'
import { crumbs } from '../partials/crumbs.ts'
import { hiddenField, reasonField } from '../partials/fields.ts'
import { html, type Markup, url } from '../partials/markup.ts'
import { progress } from '../partials/progress.ts'
import { sign } from '../partials/sign.ts'
import { ago } from '../partials/time.ts'
import type { View } from '../view.ts'
import { besideOperation, CHANGE_WORDS, type ChangeName, changedInWords, OPERATION_SIGNS } from '../words/operations.ts'
import { operationTitle } from './operation.ts'

export type OperationChangeForm = {
  readonly operation: Operation
  readonly change: ChangeName
  readonly requestId: string
  readonly mayNot: boolean
  readonly reason: string
  /** It came without a reason. */
  readonly isUnreasoned: boolean
}

export function changeTitle({ operation, change }: Pick<OperationChangeForm, 'operation' | 'change'>): string {
  return `${CHANGE_WORDS[change].label}: ${operationTitle(operation)}`
}

export function changePage(view: View, form: OperationChangeForm): Markup {
  const { operation, change, requestId, mayNot, reason, isUnreasoned } = form
  const { label, does } = CHANGE_WORDS[change]
  const detail = url(view.base, `/operations/${operation.id}`)
  return html`${head(view, operation)}
<h1>${label}</h1>
<p class="lead">${does}</p>
<p>${sign(OPERATION_SIGNS[operation.state], besideOperation(operation))} <span class="name">${operationTitle(operation)}</span></p>
${progress(operation)}
${
  mayNot
    ? html`<p class="note">You have no right to order this. Ask somebody who has.</p><p><a class="button" href="${detail}">Back to the operation</a></p>`
    : html`<form class="confirm" method="post" action="${url(view.base, `/operations/${operation.id}/actions/${change}`)}">
  ${hiddenField('requestId', requestId)}
  ${reasonField(reason, isUnreasoned)}
  <ul class="buttons"><li><button class="first" type="submit">${label} now</button></li><li><a class="button" href="${detail}">Do nothing</a></li></ul>
</form>`
}`
}

/** It is not any more as it was: who has changed it, and why. */
export function changeRefusedPage(view: View, operation: Operation, change: ChangeName): Markup {
  const last = operation.log.at(-1)
  return html`${head(view, operation)}
<section class="empty"><h1>${CHANGE_WORDS[change].label} does not fit</h1>
<p>${CHANGE_WORDS[change].needs} Nothing was done.</p>
<p>${sign(OPERATION_SIGNS[operation.state])} ${
    last === undefined
      ? ''
      : html`${changedInWords(last)} by <b>${last.actor}</b> ${ago(last.at, view.now)}: ${last.reason}`
  }</p>
<p><a class="button" href="${url(view.base, `/operations/${operation.id}`)}">Back to the operation</a></p></section>`
}

function head(view: View, operation: Operation): Markup {
  return crumbs(
    [url(view.base, '/operations'), 'Operations'],
    [url(view.base, `/operations/${operation.id}`), operationTitle(operation)],
  )
}
