/** The steps as a table with two lanes: forward down the left, compensation beside it. */
import type { SagaView, StepView } from '../../engine/saga-client.ts'
import type { ErrorAbout } from '../redaction.ts'
import type { View } from '../view.ts'
import { lanesOf } from '../words/states.ts'
import { attemptsAnchor } from './anchors.ts'
import { clip, count, html, type Markup, NOTHING, url, when } from './markup.ts'
import { sign } from './sign.ts'
import { table } from './table.ts'
import { ago, span } from './time.ts'

const MAX_ERROR_CHARACTERS = 600

const COLUMNS = [
  { label: 'No.', kind: 'number', place: 'at-no' },
  { label: 'Step', kind: 'head' },
  { label: 'Forward' },
  { label: 'Compensation' },
  { label: 'Started', kind: 'short' },
  { label: 'Error and result', kind: 'wide' },
] as const

/** @param payload The result of a step, where it has one that there is room for. */
export function steps(view: View, saga: SagaView, payload: (step: string) => Markup | undefined): Markup {
  const rows = saga.steps.map((step, index) => {
    const { forward, back } = lanesOf(step.state, step.inDoubt)
    return {
      id: `step-${step.name}`,
      cells: [
        index + 1,
        html`<span class="name">${step.name}</span>`,
        lane(sign(forward), step, step.attempts),
        back && lane(sign(back), step, step.compensationAttempts),
        started(step, view.now),
        outcome(view, saga, step, payload(step.name)),
      ],
    }
  })
  return table('steps', 'Steps, in the order of the definition', COLUMNS, rows)
}

function lane(state: Markup, { name }: StepView, attempts: number): Markup {
  return html`${state} ${when(attempts > 0, () => html`<a class="small nowrap" href="#${attemptsAnchor(name)}">${count(attempts, 'attempt')}<span class="hidden"> of ${name}</span></a>`)}`
}

/** How long it took is said of a step that ended by itself: undoing it would count as well. */
function started({ state, startedAt, endedAt }: StepView, now: number): Markup | undefined {
  if (startedAt === undefined) return undefined
  if (endedAt === undefined || (state !== 'completed' && state !== 'failed')) return ago(startedAt, now)
  const took = span(endedAt.getTime() - startedAt.getTime())
  return html`${ago(startedAt, now)} <span class="muted nowrap">took ${took}</span>`
}

function outcome(view: View, saga: SagaView, step: StepView, result: Markup | undefined): Markup | undefined {
  const { error, chosen, items, fellBackOn } = step
  const said = [error, result, chosen, items, fellBackOn]
  const about = { definition: saga.definition, sagaId: saga.id, step: step.name }
  if (said.every((part) => part === undefined)) return undefined
  return html`${when(
    items !== undefined,
    () =>
      html`<p>${itemsText(items)} <a class="small" href="${url(view.base, `/sagas/${saga.id}/items/${step.name}`)}">Show them<span class="hidden"> (items of ${step.name})</span></a></p>`,
  )}${when(
    fellBackOn !== undefined,
    () => html`<p>Fell back on <span class="name">${fellBackOn}</span></p>`,
  )}${when(chosen !== undefined, () => html`<p>Chose ${chosen ?? 'none'}</p>`)}${when(error !== undefined, () => errorText(view, error, about))}${result ?? NOTHING}`
}

/** How many items there are, and how they stand. */
function itemsText(items: StepView['items']): string {
  const states = Object.entries(items?.byState ?? {}).map(
    ([state, number]) => `${number} ${state.replaceAll('_', ' ')}`,
  )
  return `${count(items?.count ?? 0, 'item')}${states.length === 0 ? '' : `: ${states.join(', ')}`}`
}

/** An error as it was stored: the name and code in front, the message as hostile text. */
export function errorText(view: View, error: StepView['error'], about: ErrorAbout): Markup {
  if (error === undefined) return NOTHING
  const code = error.code === undefined || error.code === error.name ? '' : ` ${error.code}`
  return html`<p class="error"><span class="muted">${clip(error.name, 80)}${clip(code, 80)}</span>${clip(view.redaction.message(error.message, about), MAX_ERROR_CHARACTERS)}</p>`
}
