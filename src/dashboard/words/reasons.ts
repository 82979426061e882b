/** Why sagas need a person, in words. */
import type { DeadLetterReason } from '../../engine/core/machine.ts'

/** What has happened to it: goes after a colon. */
export const REASON_WORDS: Readonly<Record<DeadLetterReason, string>> = {
  forward_exhausted: 'a step has used up its attempts',
  past_pivot: 'a step behind the pivot has failed',
  pivot_in_doubt: 'nobody knows whether the pivot took effect',
  compensation_exhausted: 'a compensation has given up',
  late_effect: 'a step took effect after it had been given up',
  hook: 'a hook has failed',
  no_code: 'no live worker knows the code',
}
