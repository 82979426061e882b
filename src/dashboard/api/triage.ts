/** What people make of an error group, and the audit of what people did and were refused. */
import type { AuditFilter } from '../../engine/store/audit.ts'
import { codeOf } from '../acts.ts'
import { readTriaged, type Triaged, triageTarget } from '../routes/triage.ts'
import { ApiProblem } from './problems.ts'
import { type Route, route } from './route.ts'
import { auditPage, auditQuery, noteBody, triage, triageBody } from './shapes/triage.ts'

const of = {
  tag: 'errors',
  right: 'triage',
  answer: triage,
  refuses: [404, 409],
  rights: (found: Triaged) => [{ action: 'triage', target: triageTarget(found) }] as const,
}

const order = route<Triaged, never, typeof triageBody>({
  ...of,
  path: '/errors/:group/triage',
  name: 'triageErrorGroup',
  summary: 'Says how an error group stands: open, resolved (in a version), ignored (for a while).',
  body: triageBody,
  find: ({ parts, params }) => readTriaged(parts.client, parts.redaction, params['group']),
  perform: async ({ parts, actor, body }, { errorGroup }) => {
    const { reason, requestId, seen, state, version, until, untilMore } = body
    const by = { actor: actor.id, reason, seen, ...(requestId === undefined ? {} : { requestId }) }
    const said =
      state === 'open'
        ? { state }
        : state === 'resolved'
          ? { state, ...(version === undefined ? {} : { version }) }
          : {
              state,
              ...(until === undefined ? {} : { until: new Date(until) }),
              ...(untilMore === undefined ? {} : { untilMore }),
            }
    return parts.client.operator.triage(errorGroup, said, by).catch(changed(() => parts.client.triage(errorGroup)))
  },
})

const note = route<Triaged, never, typeof noteBody>({
  ...of,
  path: '/errors/:group/note',
  name: 'noteErrorGroup',
  summary: 'Writes down what is to be known of an error group, in the place of its note; null removes it.',
  body: noteBody,
  find: ({ parts, params }) => readTriaged(parts.client, parts.redaction, params['group']),
  perform: ({ parts, actor, body: { note: text, requestId, seen } }, { errorGroup }) => {
    const by = { actor: actor.id, seen, ...(requestId === undefined ? {} : { requestId }) }
    return parts.client.operator.note(errorGroup, text, by).catch(changed(() => parts.client.triage(errorGroup)))
  },
})

/** 409 with how it stands now, for who did not see what somebody else has said. */
function changed(standing: () => Promise<unknown>): (error: unknown) => Promise<never> {
  return async (error) => {
    if (codeOf(error) !== 'TRIAGE_CHANGED') throw error
    const now = (await standing()) ?? null
    const detail = 'Nothing was done: somebody has changed this since you looked.'
    throw new ApiProblem({
      status: 409,
      code: 'TRIAGE_CHANGED',
      title: 'Something has changed',
      detail,
      more: { triage: now },
    })
  }
}

const list = route({
  path: '/audit',
  name: 'listAudit',
  tag: 'audit',
  summary: 'Who did what and why, and what people were refused; the newest first, in pages.',
  right: 'read',
  query: auditQuery,
  answer: auditPage,
  find: ({ query: { limit = 50, cursor, from, to, denied, saga, 'error-group': errorGroup, ...rest } }) => {
    const filter: AuditFilter = {
      ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as AuditFilter),
      ...(saga === undefined ? {} : { sagaId: saga }),
      ...(errorGroup === undefined ? {} : { errorGroup }),
      ...(from === undefined ? {} : { from: new Date(from) }),
      ...(to === undefined ? {} : { to: new Date(to) }),
      ...(denied === true ? { deniedOnly: true } : {}),
    }
    return { filter, page: { limit, ...(cursor === undefined ? {} : { cursor }) } }
  },
  rights: ({ filter: { definition } }) => [{ action: 'read', target: definition === undefined ? {} : { definition } }],
  perform: ({ parts }, { filter, page }) => parts.client.audit.list(filter, page),
})

export const TRIAGE_ROUTES: readonly Route[] = [order, note, list]
