/** Which verb for all sagas of a filter: the page before the preview. */

import type { SagaFilter } from '../../engine/store/conditions.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import { OPERATION_VERBS } from '../../engine/store/operations.ts'
import { crumbs } from '../partials/crumbs.ts'
import { html, type Markup, url } from '../partials/markup.ts'
import type { ScopeQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS } from '../words/actions.ts'
import { scopeInWords } from '../words/scope.ts'

export function verbsPage(view: View, scope: ScopeQuery, filter: SagaFilter, group: ErrorGroup | undefined): Markup {
  const { base } = view
  return html`${crumbs([url(base, '/sagas'), 'Sagas'], [url(base, '/sagas', scope), 'those of this filter'])}
<h1>What should be done?</h1>
<p class="lead">With all sagas ${scopeInWords(filter, 'are', group)}. You see what it would do before anything is done.</p>
<dl class="why choices">${OPERATION_VERBS.map(
    (verb) =>
      html`<div><dt><a href="${url(base, '/operations/new', { verb, ...scope })}">${ACTION_WORDS[verb].label}…</a></dt><dd>${ACTION_WORDS[verb].does}</dd></div>`,
  )}</dl>`
}
