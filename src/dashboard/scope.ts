/** Which sagas an operation is for: from the address of a list, and back. */
import type { Target } from '../engine/access.ts'
import { filterFromText } from '../engine/filter-text.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import type { SagaFilter } from '../engine/store/conditions.ts'
import type { ErrorGroup } from '../engine/store/error-groups.ts'
import type { Acting } from './acts.ts'
import type { Ctx } from './answers.ts'
import type { Actor } from './options.ts'
import type { Redaction } from './redaction.ts'
import { type ScopeQuery, scopeQuery } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'
import { may } from './security/rights.ts'

/** Of an address: sagas that are chosen in a list come one by one, and are one word. */
export function wordsOf(c: Ctx): Record<string, string> {
  const ids = c.req.queries('id')
  return { ...c.req.query(), ...(ids === undefined ? {} : { id: ids.join(',') }) }
}

/**
 * The filter that a list with these parameters has.
 *
 * @throws SagaError `FILTER_INVALID`, naming the word.
 */
export function filterOf({ q, ...words }: ScopeQuery): SagaFilter {
  const given = Object.entries(words).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return { ...filterFromText(given), ...(q === undefined ? {} : { key: q }) }
}

/**
 * The filter of an operation.
 *
 * @throws Refusal 400 for one that would be all sagas. SagaError `FILTER_INVALID`.
 */
export function scopeFilter(scope: ScopeQuery): SagaFilter {
  const filter = filterOf(scope)
  if (Object.keys(filter).length > 0) return filter
  throw new Refusal(
    400,
    'All sagas?',
    'An operation is for sagas that are chosen in the list, or that a filter of it gives. Choose some, or set one.',
  )
}

/**
 * The scope with moments in place of lengths of time, as they are now: what is confirmed later is what was shown.
 *
 * @throws SagaError `FILTER_INVALID`.
 */
export function pinned(scope: ScopeQuery): ScopeQuery {
  const { startedAfter, startedBefore, compensatedStep } = filterOf(scope)
  const moments = {
    'started-after': startedAfter,
    'started-before': startedBefore,
    'compensated-from': compensatedStep?.from,
    'compensated-to': compensatedStep?.to,
  }
  const known = Object.entries(moments).flatMap(([word, at]) => (at === undefined ? [] : [[word, at.toISOString()]]))
  return { ...scope, ...Object.fromEntries(known) }
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

/** The group of that id as it may be shown, as long as there is a dead letter in it. */
export async function findGroup(client: SagaClient, redaction: Redaction, id: string): Promise<ErrorGroup | undefined> {
  const [group] = await client.errorGroups({ errorGroup: id }, { limit: 1 })
  return group && redaction.group(group)
}

/**
 * The group that a filter names, for whoever may read the definition that the group is of: that need not be the one that
 * the rest of the filter is for.
 */
export async function groupFor(
  { client, authorize }: Acting,
  { actor, redaction }: { readonly actor: Actor; readonly redaction: Redaction },
  id: string,
  of: Pick<Target, 'definition'>,
): Promise<ErrorGroup | undefined> {
  const group = await findGroup(client, redaction, id)
  if (group === undefined || (of.definition !== undefined && of.definition !== group.definition)) return undefined
  return (await may(authorize, actor, 'read', { definition: group.definition })) ? group : undefined
}
