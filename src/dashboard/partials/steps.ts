/** The steps as a table with two lanes: forward down the left, compensation beside it. */
import type { SagaView, StepView } from '../../engine/saga-client.ts'
import type { View } from '../view.ts'
import { lanesOf } from '../words/states.ts'
import { json } from './json.ts'
import { clip, count, html, type Markup, NOTHING, when } from './markup.ts'
import { sign } from './sign.ts'
import { table } from './table.ts'
import { ago, span } from './time.ts'

const MAX_ERROR_CHARACTERS = 600

const COLUMNS = [
  { label: 'No.', kind: 'number' },
  { label: 'Step', kind: 'head' },
  { label: 'Forward' },
  { label: 'Compensation' },
  { label: 'Started' },
  { label: 'Error and result', kind: 'wide' },
] as const

export function steps(view: View, saga: SagaView): Markup {
  const rows = saga.steps.map((step, index) => {
    const { forward, back } = lanesOf(step.state, step.inDoubt)
    return {
      id: `step-${step.name}`,
      cells: [
        index + 1,
        html`<span class="name">${step.name}</span>`,
        lane(sign(forward), step.attempts),
        back === undefined ? html`<span class="muted">–</span>` : lane(sign(back), step.compensationAttempts),
        started(step, view.now),
        outcome(step),
      ],
    }
  })
  return table('Steps, in the order of the definition', COLUMNS, rows)
}

function lane(state: Markup, attempts: number): Markup {
  return html`${state} ${when(attempts > 0, () => html`<span class="muted nowrap">${count(attempts, 'attempt')}</span>`)}`
}

function started(step: StepView, now: number): Markup {
  if (step.startedAt === undefined) return html`<span class="muted">–</span>`
  const { startedAt, endedAt } = step
  const took =
    endedAt === undefined
      ? NOTHING
      : html` <span class="muted nowrap">took ${span(endedAt.getTime() - startedAt.getTime())}</span>`
  return html`${ago(startedAt, now)}${took}`
}

function outcome(step: StepView): Markup {
  const { error } = step
  if (error === undefined && step.result === undefined) return html`<span class="muted">–</span>`
  return html`${when(error !== undefined, () => errorText(error))}${when(step.result !== undefined, () =>
    json(`Result of ${step.name}`, step.result),
  )}`
}

/** An error as it was stored: the name and code in front, the message as hostile text. */
export function errorText(error: StepView['error']): Markup {
  if (error === undefined) return NOTHING
  const code = error.code === undefined || error.code === error.name ? '' : ` ${error.code}`
  return html`<p class="error"><span class="muted">${clip(error.name, 80)}${clip(code, 80)}</span> ${clip(error.message, MAX_ERROR_CHARACTERS)}</p>`
}
