/** What people have made of an error group: how it stands, the note, and what can be said of it. */
import type { AuditEntry } from '../../engine/store/audit.ts'
import type { Triage, TriageState } from '../../engine/store/triage.ts'
import { auditTable } from '../pages/audit.ts'
import type { View } from '../view.ts'
import { TRIAGE_SIGNS, TRIAGE_WORDS, triageInWords } from '../words/triage.ts'
import { hiddenField } from './fields.ts'
import { html, type Markup, NOTHING, url, when } from './markup.ts'
import { sign } from './sign.ts'
import { ago } from './time.ts'

export type TriageDetail = {
  readonly errorGroup: string
  readonly triage: Triage | undefined
  /** Of this group, the newest first. */
  readonly history: readonly AuditEntry[]
  readonly mayTriage: boolean
}

export function triageAddress(view: View, errorGroup: string, more = ''): string {
  return url(view.base, `/errors/${encodeURIComponent(errorGroup)}${more}`)
}

/** How it stands, with who, why, and the note. */
export function standing(view: View, { errorGroup, triage, mayTriage }: TriageDetail): Markup {
  const state = triage?.state ?? 'open'
  const others = (['open', 'ignored', 'resolved'] as const).filter((one) => one !== state)
  return html`<section class="triage" aria-labelledby="h-triage"><h2 id="h-triage">How it stands</h2>
<p>${sign(TRIAGE_SIGNS[state])} ${triage === undefined ? 'Nobody has said how it stands.' : triageInWords(triage)}</p>
${when(triage !== undefined && triage.at !== null, () => html`<p class="muted">${ago(triage?.at ?? new Date(0), view.now)}: ${triage?.why ?? ''}</p>`)}
${note(view, triage)}
${when(mayTriage, () => html`<ul class="buttons">${others.map((one) => button(view, errorGroup, one))}</ul>`)}</section>`
}

function button(view: View, errorGroup: string, state: TriageState): Markup {
  const to = url(view.base, `/errors/${encodeURIComponent(errorGroup)}/triage`, { state })
  return html`<li><a class="button" href="${to}">${TRIAGE_WORDS[state].label}…</a></li>`
}

function note(view: View, triage: Triage | undefined): Markup {
  if (triage === undefined || triage.note === null) return NOTHING
  return html`<blockquote class="noted"><p>${triage.note}</p><footer class="muted">${triage.noteBy ?? ''}, ${ago(triage.noteAt ?? new Date(0), view.now)}</footer></blockquote>`
}

/** Outside of what is kept up to date, so that no update touches what somebody types. */
export function noteForm(
  view: View,
  { errorGroup, triage, mayTriage }: Pick<TriageDetail, 'errorGroup' | 'triage' | 'mayTriage'>,
  requestId: string,
  again?: { readonly note: string; readonly problem: string; readonly seen: number },
): Markup {
  if (!mayTriage) return NOTHING
  const problem = again?.problem
  const described = problem === undefined ? 'note-hint' : 'note-problem note-hint'
  return html`<section aria-labelledby="h-note"><h2 id="h-note">Note</h2>
<form class="confirm" method="post" action="${triageAddress(view, errorGroup, '/note')}">
  ${hiddenField('requestId', requestId)}${hiddenField('seen', String(again?.seen ?? triage?.revision ?? 0))}
  <p><label for="note">What is known of it</label>
  <span class="hint" id="note-hint">For whoever comes next: the cause, a ticket, what helps. Leave it empty to remove the note. Earlier ones stay in the audit.</span>
  ${when(problem !== undefined, () => html`<span class="field-problem" id="note-problem">${problem ?? ''}</span>`)}
  <textarea id="note" name="note" rows="3" maxlength="1000" aria-describedby="${described}" ${problem === undefined ? '' : html`aria-invalid="true"`}>${again?.note ?? triage?.note ?? ''}</textarea></p>
  <ul class="buttons"><li><button type="submit">Keep the note</button></li></ul>
</form></section>`
}

export function history(view: View, { errorGroup, history: entries }: TriageDetail): Markup {
  if (entries.length === 0) return NOTHING
  const all = url(view.base, '/audit', { group: errorGroup })
  return html`<section aria-labelledby="h-history"><h2 id="h-history">What was made of it</h2>${auditTable(view, entries, 'The newest first')}
<p class="pages"><a href="${all}">All of it in the audit</a></p></section>`
}
