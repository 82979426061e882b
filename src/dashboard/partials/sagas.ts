/** Sagas as rows: what people compare. */
import type { SagaSummary } from '../../engine/store/reading.ts'
import type { StepNames } from '../step-names.ts'
import type { View } from '../view.ts'
import { positionOf, stepName } from '../words/position.ts'
import { besideState, signOf } from '../words/states.ts'
import { clip, html, type Markup, url } from './markup.ts'
import { sign } from './sign.ts'
import { table } from './table.ts'
import { ago } from './time.ts'

const MAX_ERROR_CHARACTERS = 160
const MAX_KEY_CHARACTERS = 64

const COLUMNS = [
  { label: 'State', kind: 'short' },
  { label: 'Saga', kind: 'head', place: 'across' },
  { label: 'Definition', kind: 'short' },
  { label: 'Step', kind: 'short', place: 'at-end' },
  { label: 'Attempts', kind: 'number', place: 'said' },
  { label: 'Started', kind: 'short', place: 'said at-end' },
  { label: 'Updated', kind: 'short', place: 'said at-top' },
  { label: 'Last error', kind: 'wide', place: 'across' },
] as const

export function sagaTable(view: View, sagas: readonly SagaSummary[], names: StepNames): Markup {
  const rows = sagas.map((saga) => {
    const position = positionOf(saga.state, names.of(saga))
    return {
      id: `saga-${saga.id}`,
      cells: [
        sign(signOf(saga), besideState(saga)),
        html`<a class="name" href="${url(view.base, `/sagas/${saga.id}`)}">${clip(saga.key ?? saga.id, MAX_KEY_CHARACTERS)}</a>`,
        html`${saga.definition} <span class="muted nowrap">v${saga.version}</span>`,
        position && step(position),
        position?.attempts,
        ago(saga.createdAt, view.now),
        ago(saga.updatedAt, view.now),
        lastError(saga),
      ],
    }
  })
  return table('sagas', 'Sagas, the newest first', COLUMNS, rows)
}

function step({ step, number, of }: { step: string; number?: number; of?: number }): Markup {
  const place = number === undefined ? '' : html`<span class="muted nowrap">${number}/${of ?? number}</span> `
  return html`${place}${stepName(step)}`
}

function lastError(saga: SagaSummary): Markup | undefined {
  const step = positionOf(saga.state, undefined)?.step
  const error = (step === undefined ? undefined : saga.state.steps[step]?.error) ?? saga.failure?.error
  return error && html`<span class="clamp">${clip(error.message, MAX_ERROR_CHARACTERS)}</span>`
}
