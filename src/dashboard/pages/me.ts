/** Who is signed in, what they may do, and what they did last. */
import type { Action } from '../../engine/access.ts'
import type { AuditEntry } from '../../engine/store/audit.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { timeZone } from '../time-zone.ts'
import type { View } from '../view.ts'
import { ACTION_MEANS, MAY_NOT_SIGN, MAY_SIGN, ROLE_WORDS } from '../words/rights.ts'
import { auditTable } from './audit.ts'

export type MayOf = {
  readonly action: Action
  /** Asked without saying of what. */
  readonly everywhere: boolean
  /** Of each definition, in order. */
  readonly definitions: readonly boolean[]
  /** Who has the right, or gives it. */
  readonly grantedBy: string
}

export type Me = {
  /** The rights are those of the roles, and not the host's. */
  readonly isByRole: boolean
  readonly rights: readonly MayOf[]
  readonly definitions: readonly string[]
  /** Definitions that were not asked about. */
  readonly more: number
  /** `undefined`: no right to see any. */
  readonly acts: readonly AuditEntry[] | undefined
}

export function mePage(view: View, me: Me): Markup {
  const { actor } = view
  const role = actor.role ?? 'viewer'
  const zone = timeZone().name
  return html`<h1>${actor.name ?? actor.id}</h1>
<dl class="facts me">
<div><dt>Id</dt><dd>${actor.id} <span class="muted">stands with everything that you do, for ever</span></dd></div>
${when(me.isByRole, () => html`<div><dt>Role</dt><dd>${role}: ${ROLE_WORDS[role]}</dd></div>`)}
<div><dt>Times</dt><dd>${zone} <span class="muted">${zone === 'UTC' ? 'as everywhere here' : 'but for charts and for what is typed into forms, which are in UTC'}</span></dd></div>
</dl>
<section aria-labelledby="h-rights"><h2 id="h-rights">What you may do</h2>${rights(me)}</section>
<section aria-labelledby="h-acts"><h2 id="h-acts">What you did last</h2>${acts(view, me)}</section>`
}

function rights({ isByRole, rights: all, definitions, more }: Me): Markup {
  const hasDefinitions = definitions.length > 0
  const columns = [
    { label: 'Act', kind: 'head', place: 'across' },
    { label: 'You', kind: 'short' },
    ...(hasDefinitions ? [{ label: 'Of which definitions' }] : []),
    { label: 'Granted by', kind: 'wide' },
  ] as const
  const rows = all.map(({ action, everywhere, definitions: of, grantedBy }) => ({
    cells: [
      html`<b>${ACTION_MEANS[action].label}</b> <span class="muted">${ACTION_MEANS[action].does}</span>`,
      everywhere || of.includes(true) ? sign(MAY_SIGN) : sign(MAY_NOT_SIGN),
      ...(hasDefinitions ? [ofWhich(definitions, of)] : []),
      grantedBy,
    ],
  }))
  const asked = isByRole
    ? ''
    : 'Your application decides this for each saga, step and definition: what is said here was asked for a definition as a whole.'
  return html`${when(asked !== '', () => html`<p class="muted">${asked}</p>`)}${table('rights', 'Each act, and whether you have the right to it', columns, rows)}
${when(more > 0, () => html`<p class="hint">Not asked of ${more} further definitions.</p>`)}`
}

function ofWhich(definitions: readonly string[], of: readonly boolean[]): Markup | string {
  const granted = definitions.filter((_name, index) => of[index] === true)
  if (granted.length === definitions.length) return 'all'
  return granted.length === 0 ? 'none' : granted.join(', ')
}

function acts(view: View, { acts: entries }: Me): Markup {
  if (entries === undefined) return html`<p class="note">You have no right to see the audit.</p>`
  if (entries.length === 0) return html`<p class="note">Nothing yet.</p>`
  const all = url(view.base, '/audit', { actor: view.actor.id })
  return html`${auditTable(view, entries, 'The newest first')}<p class="pages"><a href="${all}">All that you did</a></p>`
}
