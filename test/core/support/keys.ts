/** The keys of the one saga that a world has. */
import * as keys from '../../../src/engine/runtime/keys.ts'

const SAGA = '0199d1c2-0000-7000-8000-000000000001'

export function keyOf(step: string): string {
  return keys.actionKey(SAGA, step)
}

export function compensationKey(step: string, round: number): string {
  return keys.compensationKey(SAGA, step, round)
}
