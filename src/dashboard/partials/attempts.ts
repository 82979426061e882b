/** The attempts of a saga, step by step: when each was queued, ran and ended, on which worker, and what came of it. */
import type { SagaView } from '../../engine/saga-client.ts'
import type { Attempt } from '../timeline/attempts.ts'
import type { View } from '../view.ts'
import { stepName } from '../words/position.ts'
import { attemptsAnchor } from './anchors.ts'
import { clip, count, html, type Markup, NOTHING, when } from './markup.ts'
import { errorText } from './steps.ts'
import { table } from './table.ts'
import { exactly, span, zoneNote } from './time.ts'

/** Of one step, the newest ones. */
const MAX_OF_STEP = 30
/** On one page, the newest ones. */
const MAX_ATTEMPTS = 150

const COLUMNS = [
  { label: 'Attempt', kind: 'head' },
  { label: 'Queued', kind: 'short' },
  { label: 'Waited', kind: 'short' },
  { label: 'Ran for', kind: 'short' },
  { label: 'Ended', kind: 'short' },
  { label: 'How', kind: 'wide' },
  { label: 'Worker' },
] as const

const SIDES = { action: '', compensation: 'undoing ', verify: 'verification ' } as const

export function attemptsByStep(view: View, saga: SagaView, attempts: readonly Attempt[]): Markup {
  const shown = attempts.slice(-MAX_ATTEMPTS)
  const steps = [...new Set(shown.map(({ step }) => step))]
  if (steps.length === 0) return html`<p class="muted">Nothing has been tried yet.</p>`
  return html`${when(
    shown.length < attempts.length,
    () => html`<p class="muted">The last ${shown.length} of ${attempts.length}. The others are in the journal.</p>`,
  )}${steps.map((step) =>
    ofStep(
      view,
      saga,
      step,
      shown.filter((attempt) => attempt.step === step),
    ),
  )}`
}

function ofStep(view: View, saga: SagaView, step: string, all: readonly Attempt[]): Markup {
  const attempts = all.slice(-MAX_OF_STEP)
  const failed = all.filter(({ end }) => end === 'failed' || end === 'lost').length
  const beside = `${count(all.length, 'attempt')}${failed === 0 ? '' : `, ${failed} failed`}`
  const rows = attempts.map((attempt) => ({ cells: cellsOf(view, saga, attempt) }))
  const name = stepName(step)
  return html`<details class="attempts" id="of-${step}"><summary><span class="name">${name}</span> <span class="muted">${beside}</span></summary><div id="${attemptsAnchor(step)}">${table('attempts', `Attempts of ${name}${attempts.length < all.length ? `, the last ${attempts.length}` : ''} (${zoneNote()})`, COLUMNS, rows)}</div></details>`
}

function cellsOf(view: View, saga: SagaView, attempt: Attempt): readonly (Markup | string | undefined)[] {
  const { step, side, number, round, queuedAt, startedAt, endedAt, worker, build } = attempt
  const about = { definition: saga.definition, sagaId: saga.id, step }
  return [
    html`<span class="nowrap">${SIDES[side]}${number}</span>${round > 1 ? html` <span class="muted nowrap">round ${round}</span>` : NOTHING}`,
    queuedAt === undefined ? undefined : exactly(queuedAt),
    queuedAt === undefined || startedAt === undefined ? undefined : span(startedAt - queuedAt),
    startedAt === undefined || endedAt === undefined ? undefined : span(endedAt - startedAt),
    endedAt === undefined ? undefined : exactly(endedAt),
    html`${attempt.says}${attempt.late === undefined ? NOTHING : html`<p class="muted">${attempt.late}</p>`}${attempt.error === undefined ? NOTHING : errorText(view, attempt.error, about)}${attempt.retryAt === undefined ? NOTHING : html`<p class="muted">Next at ${exactly(attempt.retryAt)}</p>`}`,
    worker === null
      ? undefined
      : html`<code>${clip(worker, 60)}</code>${build === null ? NOTHING : html` <span class="muted">${clip(build, 60)}</span>`}`,
  ]
}
