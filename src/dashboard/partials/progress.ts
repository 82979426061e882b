/** How far an operation has come: as a bar, and in words for whoever cannot see it. */
import type { Operation } from '../../engine/operation-order.ts'
import { endedOf, progressInWords } from '../words/operations.ts'
import { html, type Markup } from './markup.ts'

export function progress({ counts, state, id }: Pick<Operation, 'counts' | 'state' | 'id'>): Markup {
  const ended = endedOf(counts)
  // A bar without a length would say that nobody knows.
  const max = Math.max(1, counts.total)
  return html`<div class="progress"><progress max="${max}" value="${counts.total === 0 ? 1 : ended}" aria-labelledby="progress-${id}">${ended} of ${counts.total}</progress>
<p id="progress-${id}"><b>${ended} of ${counts.total}</b> <span class="muted">${progressInWords({ counts, state })}</span></p></div>`
}
