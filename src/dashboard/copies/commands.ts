/** What a page shows and offers, as commands of `pg-saga`. */
import type { SagaView } from '../../engine/saga-client.ts'
import { ACTION_WORDS, type ActionName, actionsFor } from '../words/actions.ts'
import { quoted } from '../words/shell.ts'

export type Command = { readonly label: string; readonly text: string }

const REASON = "--reason 'why'"

export function commandsFor(saga: SagaView): readonly Command[] {
  const { id, key } = saga
  const looking: readonly Command[] = [
    { label: 'Show', text: `pg-saga show ${id}` },
    { label: 'Events', text: `pg-saga events ${id}` },
    ...(key === null ? [] : [{ label: 'All with this key', text: `pg-saga list --key=${quoted(key)}` }]),
  ]
  const acts = actionsFor(saga)
    .filter(({ whyNot }) => whyNot === undefined)
    .map(({ name }) => ({ label: ACTION_WORDS[name].label, text: orderOf(name, id) }))
  return [...looking, ...acts]
}

function orderOf(name: ActionName, id: string): string {
  switch (name) {
    case 'compensate_past_pivot':
      return `pg-saga compensate ${id} --past-pivot ${REASON}`
    case 'resolve':
      return `pg-saga resolve ${id} --as completed ${REASON}`
    default:
      return `pg-saga ${name} ${id} ${REASON}`
  }
}
