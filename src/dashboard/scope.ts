/** Which sagas an operation is for: from the address of a list, and back. */
import type { SagaClient } from '../engine/saga-client.ts'
import type { ErrorGroup } from '../engine/store/error-groups.ts'
import type { SagaFilter } from '../engine/store/reading.ts'
import { filterOf } from './pages/list.ts'
import { type ScopeQuery, scopeQuery } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'

/**
 * The filter that a list with these parameters has. Each parameter is named here, so that none is left out: that would make
 * the scope larger.
 *
 * @throws Refusal 400 for one that would be all sagas.
 */
export function scopeFilter(scope: ScopeQuery): SagaFilter {
  const { state, definition, prefix, tag, q, group, reason, from, to, ...rest } = scope
  // Does not compile when the list has learnt of a filter that this does not know.
  rest satisfies Record<string, never>
  const filter = {
    ...filterOf({ state, definition, prefix, tag, q, group, reason }),
    // As in the list: only where both are given.
    ...(from === undefined || to === undefined ? {} : { startedAfter: new Date(from), startedBefore: new Date(to) }),
  }
  if (Object.keys(filter).length > 0) return filter
  throw new Refusal(
    400,
    'All sagas?',
    'An operation is for sagas that a filter gives. Set one in the list of sagas first.',
  )
}

/** The scope as a form carries it along. */
export function scopeText(scope: ScopeQuery): string {
  const pairs = Object.entries(scope).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return new URLSearchParams(pairs).toString()
}

/** @throws Refusal 400. */
export function scopeOfText(text: string): ScopeQuery {
  const parsed = scopeQuery.safeParse(Object.fromEntries(new URLSearchParams(text)))
  if (parsed.success) return parsed.data
  throw new Refusal(400, 'Not understood', 'The form does not say for which sagas it is. Open it again from the list.')
}

/** The group of that id, as long as there is a dead letter in it. */
export async function findGroup(client: SagaClient, id: string): Promise<ErrorGroup | undefined> {
  const [group] = await client.errorGroups({ errorGroup: id }, { limit: 1 })
  return group
}
