/** Which events of a journal bring the result of a step: others have payloads too, such as checkpoints. */
import type { SagaEvent } from './core/events.ts'

/** Undoing that was settled by hand has no result, and takes none away. */
export function bringsResult(event: SagaEvent): boolean {
  if (event.type === 'step_settled_by_hand') return event.side === 'action'
  return event.type === 'step_completed' || event.type === 'step_verified'
}
