/**
 * The request ids that the engine makes itself, for what operations and recovery order of each saga. Nobody else can give
 * one: so what a person did is never taken for theirs, whatever its request id says.
 *
 * Kept apart from the tables, as `SCHEMA_PLACEHOLDER` is.
 */

/** How each of them begins. */
export const OWN_REQUEST = 'pg-saga:'

/**
 * Of a row of the journal: somebody has asked for this act by itself. It is not so of rows without a request. That there is
 * one is not said beside it: Postgres would then take `saga_event_request` for an index of such acts, too, and read all of it.
 */
export const IS_OWN_ACT = `not starts_with(request_id, '${OWN_REQUEST}')`

/** @param of what is ordered: the operation and the saga, or the saga and its revision. */
export function ownRequest(of: 'operation' | 'recovery', ...parts: readonly (string | number)[]): string {
  return `${OWN_REQUEST}${[of, ...parts].join(':')}`
}
