/** What dead letters have in common. */
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { Redaction } from '../redaction.ts'
import { Refusal } from '../security/refusal.ts'
import { type Route, route } from './route.ts'
import { filterFrom, targetOf } from './sagas.ts'
import { errorGroup, errorGroups, groupsQuery } from './shapes/operations.ts'

const DEFAULT_GROUPS = 50
const GROUP_ID = /^[\w:.-]{1,100}$/

const list = route({
  path: '/errors',
  name: 'listErrorGroups',
  tag: 'errors',
  summary: 'Dead letters grouped by error and step, the largest group first.',
  right: 'read',
  query: groupsQuery,
  answer: errorGroups,
  find: ({ query: { limit = DEFAULT_GROUPS, ...words } }) => ({ limit, filter: filterFrom(words) }),
  rights: ({ filter }) => [{ action: 'read', target: targetOf(filter) }],
  perform: async ({ parts }, { limit, filter }) => {
    const groups = await parts.client.errorGroups(filter, { limit })
    return { groups: groups.map((group) => shown(parts.redaction, group)) }
  },
})

const get = route<ErrorGroup>({
  path: '/errors/:group',
  name: 'getErrorGroup',
  tag: 'errors',
  summary: 'One error group, as long as a dead letter is in it. Its sagas: list them with error-group.',
  right: 'read',
  answer: errorGroup,
  refuses: [404],
  find: async ({ parts, params }) => {
    const id = params['group'] ?? ''
    const [group] = GROUP_ID.test(id) ? await parts.client.errorGroups({ errorGroup: id }, { limit: 1 }) : []
    if (group !== undefined) return group
    throw new Refusal(404, 'Nothing left in this group', 'No saga is a dead letter for this error now.')
  },
  rights: ({ definition }) => [{ action: 'read', target: { definition } }],
  perform: ({ parts }, group) => shown(parts.redaction, group),
})

/** Named one by one. The message stands for all of the group, and is of no one saga. */
function shown(redaction: Redaction, group: ErrorGroup): object {
  const { id, definition, step, direction, reason, code, count, firstSeenAt, lastSeenAt, triage } = group
  const { message } = redaction.group(group)
  return { id, definition, step, direction, reason, message, code, count, firstSeenAt, lastSeenAt, triage }
}

export const ERROR_ROUTES: readonly Route[] = [list, get]
