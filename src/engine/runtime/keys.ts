/**
 * Idempotency keys (rule 7): the same for all attempts of an action, another for its compensation, another again for
 * each further round. Names hold no colon, so keys of different steps cannot collide.
 */

export function actionKey(sagaId: string, step: string): string {
  return `${sagaId}:${step}`
}

/** @throws SagaError `NAME_INVALID` for an empty part. */
export type KeyFor = (part: string) => string

/** One of several keys of one function. No key holds a slash before it, whatever the part is called. */
export function partKey(key: string, part: string): string {
  return `${key}/${part}`
}

export function compensationKey(sagaId: string, step: string, round: number): string {
  return round <= 1 ? `${sagaId}:${step}:compensation` : `${sagaId}:${step}:compensation:${round}`
}
