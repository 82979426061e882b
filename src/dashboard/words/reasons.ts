/** Why sagas need a person, in words: said of one, of a group, and in a table. */
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

/** Why the sagas of a group need a person. */
export const GROUP_REASONS: Readonly<Record<DeadLetterReason, string>> = {
  forward_exhausted: 'its attempts were used up, and it says that a person decides',
  past_pivot: 'it failed past the pivot, where nothing is undone by itself',
  pivot_in_doubt: 'nobody knows whether the pivot took effect',
  compensation_exhausted: 'it could not be undone',
  late_effect: 'it took effect after it had been given up, and nothing undoes it',
  hook: 'the hook failed',
  no_code: 'no live worker knows it; these go on by themselves when one does',
}

/** A short form, for a table. */
export const REASON_LABELS: Readonly<Record<DeadLetterReason, string>> = {
  forward_exhausted: 'attempts used up',
  past_pivot: 'failed past the pivot',
  pivot_in_doubt: 'pivot in doubt',
  compensation_exhausted: 'not undone',
  late_effect: 'late effect',
  hook: 'hook failed',
  no_code: 'no code',
}
