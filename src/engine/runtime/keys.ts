/**
 * Idempotency keys (rule 7): the same for all attempts of an action, another for its compensation, another again for
 * each further round. After the input is edited, an action that is tried once more has another key. Names hold neither
 * colon nor tilde nor bracket, so keys of different steps, items and edits cannot collide.
 */

/** @param edit of the input, for a step that was tried and not done when it was edited. */
export function actionKey(sagaId: string, step: string, edit?: number): string {
  return edit === undefined ? `${sagaId}:${step}` : `${sagaId}:${step}~${edit}`
}

/** @throws SagaError `NAME_INVALID` for an empty part. */
export type KeyFor = (part: string) => string

/** One of several keys of one function. No key holds a slash before it, whatever the part is called. */
export function partKey(key: string, part: string): string {
  return `${key}/${part}`
}

export function compensationKey(sagaId: string, step: string, round: number, edit?: number): string {
  const key = `${actionKey(sagaId, step, edit)}:compensation`
  return round <= 1 ? key : `${key}:${round}`
}
