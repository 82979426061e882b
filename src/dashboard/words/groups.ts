/** Error groups in words. */
import type { DeadLetterReason } from '../../engine/core/machine.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import { stepName } from './position.ts'

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

/** What the error is called, for a link or a sentence: its message, its code, or that there is none. */
export function groupInWords({
  message,
  code,
  step,
  reason,
}: Pick<ErrorGroup, 'message' | 'code' | 'step' | 'reason'>): string {
  const at = step === null ? '' : ` at ${stepName(step)}`
  if (message !== null && message !== '') return `“${message}”${at}`
  return `${code ?? REASON_LABELS[reason]}${at}`
}
