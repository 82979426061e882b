/**
 * Idempotency keys (rule 7): the same for all attempts of an action, another for its compensation, another again for
 * each further round. Names hold no colon, so keys of different steps cannot collide.
 */

export function actionKey(sagaId: string, step: string): string {
  return `${sagaId}:${step}`
}

export function compensationKey(sagaId: string, step: string, round: number): string {
  return round <= 1 ? `${sagaId}:${step}:compensation` : `${sagaId}:${step}:compensation:${round}`
}
