/** The audit, as a page and as a file; and who is signed in. */
import { ACTIONS } from '../../engine/access.ts'
import type { AuditPage } from '../../engine/audit.ts'
import type { AuditFilter } from '../../engine/store/audit.ts'
import type { Acting } from '../acts.ts'
import { type Ctx, page, parsed } from '../answers.ts'
import { csv } from '../csv.ts'
import { auditPage } from '../pages/audit.ts'
import { type MayOf, mePage } from '../pages/me.ts'
import { type AuditQuery, auditQuery } from '../security/parameters.ts'
import { BY_ROLE, demandRight, grantedBy, may } from '../security/rights.ts'
import { auditInWords } from '../words/audit.ts'

const PAGE_SIZE = 50
const OWN_ACTS = 10
/** Rights are asked one by one, and of so many definitions. */
const DEFINITIONS_ASKED = 20

export async function showAudit(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(auditQuery, c.req.query())
  const { definition, cursor, format } = query
  await demandRight(authorize, view.actor, 'read', definition === undefined ? {} : { definition })
  const limit = { limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) }
  const found = await client.audit.list(filterOf(query), limit)
  if (format !== undefined) return asFile(c, found, format)
  return page(c, { title: 'Audit', body: auditPage(view, found, query) })
}

function filterOf({ actor, action, definition, saga, group, from, to, denied }: AuditQuery): AuditFilter {
  return {
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(definition === undefined ? {} : { definition }),
    ...(saga === undefined ? {} : { sagaId: saga }),
    ...(group === undefined ? {} : { errorGroup: group }),
    ...(from === undefined ? {} : { from: new Date(from) }),
    ...(to === undefined ? {} : { to: new Date(to) }),
    ...(denied === undefined ? {} : { deniedOnly: true }),
  }
}

const COLUMNS = ['at', 'actor', 'action', 'what', 'reason', 'definition', 'sagaId', 'errorGroup', 'refused'] as const

/** What the page shows, for a spreadsheet or a program. */
function asFile(c: Ctx, { entries }: AuditPage, format: 'csv' | 'json'): Response {
  c.header('Content-Disposition', `attachment; filename="audit.${format}"`)
  if (format === 'json') return c.json(entries)
  const rows = entries.map((entry) => [
    entry.at.toISOString(),
    entry.actor,
    entry.action,
    auditInWords(entry),
    entry.reason,
    entry.definition,
    entry.sagaId,
    entry.errorGroup,
    entry.deniedTimes === null ? null : String(entry.deniedTimes),
  ])
  return c.body(csv(COLUMNS, rows), 200, { 'Content-Type': 'text/csv; charset=utf-8' })
}

/** Anybody who has come in may see this: it says what else they may. */
export async function showMe(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const { actor } = view
  const isByRole = authorize === BY_ROLE
  const mayRead = await may(authorize, actor, 'read', {})
  const names = isByRole || !mayRead ? [] : (await client.system.definitions({ cap: 1 })).map(({ name }) => name)
  const asked = names.slice(0, DEFINITIONS_ASKED)
  const rights: MayOf[] = await Promise.all(
    ACTIONS.map(async (action) => ({
      action,
      everywhere: await may(authorize, actor, action, {}),
      definitions: await Promise.all(asked.map((definition) => may(authorize, actor, action, { definition }))),
      grantedBy: grantedBy(authorize, action),
    })),
  )
  const { entries } = mayRead
    ? await client.audit.list({ actor: actor.id }, { limit: OWN_ACTS })
    : { entries: undefined }
  const more = names.length - asked.length
  return page(c, { title: 'You', body: mePage(view, { isByRole, rights, definitions: asked, more, acts: entries }) })
}
