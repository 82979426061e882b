/** Error groups in words. */
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import { stepName } from './position.ts'
import { REASON_LABELS } from './reasons.ts'

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
