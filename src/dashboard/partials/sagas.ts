/** Sagas as rows: what people compare, in the columns that they choose. */
import type { SagaSummary } from '../../engine/store/reading.ts'
import type { StepNames } from '../step-names.ts'
import type { View } from '../view.ts'
import { positionOf, stepName } from '../words/position.ts'
import { besideState, signOf } from '../words/states.ts'
import { clip, html, type Markup, NOTHING, url } from './markup.ts'
import { sign } from './sign.ts'
import { type Column, table } from './table.ts'
import { ago, span } from './time.ts'

const MAX_ERROR_CHARACTERS = 160
const MAX_KEY_CHARACTERS = 64

type Cell = (saga: SagaSummary, view: View, names: StepNames) => Markup | string | number | undefined
type Place = Column & { readonly cell: Cell }

/** State and saga are always there, in front. */
const FIRST: readonly [Place, Place] = [
  { label: 'State', kind: 'short', cell: (saga) => sign(signOf(saga), besideState(saga)) },
  { label: 'Saga', kind: 'head', place: 'across', cell: linked },
]

const CHOOSABLE = {
  definition: { label: 'Definition', kind: 'short', cell: definition },
  step: { label: 'Step', kind: 'short', place: 'at-end', cell: step },
  direction: { label: 'Direction', kind: 'short', place: 'said', cell: ({ state }) => state.direction },
  attempts: {
    label: 'Attempts',
    kind: 'number',
    place: 'said',
    cell: ({ state }) => positionOf(state, undefined)?.attempts,
  },
  started: {
    label: 'Started',
    kind: 'short',
    place: 'said at-end',
    cell: ({ createdAt }, { now }) => ago(createdAt, now),
  },
  updated: {
    label: 'Updated',
    kind: 'short',
    place: 'said at-top',
    cell: ({ updatedAt }, { now }) => ago(updatedAt, now),
  },
  duration: { label: 'Took', kind: 'short', place: 'said', cell: took },
  tags: { label: 'Tags', place: 'across', cell: tags },
  error: { label: 'Last error', kind: 'wide', place: 'across', cell: lastError },
} as const satisfies Readonly<Record<string, Column & { readonly cell: Cell }>>

type ColumnName = keyof typeof CHOOSABLE

const COLUMN_NAMES = Object.keys(CHOOSABLE) as readonly ColumnName[]
const USUAL: readonly ColumnName[] = ['definition', 'step', 'attempts', 'started', 'updated', 'error']

/** @param asked names with commas between; those that are none are left out. */
export function columnsOf(asked: string | undefined): readonly ColumnName[] {
  if (asked === undefined) return USUAL
  const names = asked.split(',')
  return COLUMN_NAMES.filter((name) => names.includes(name))
}

/** As an address says it; `undefined` for the usual ones. */
export function columnsText(chosen: readonly string[]): string | undefined {
  const text = chosen.join(',')
  return text === '' || text === USUAL.join(',') ? undefined : text
}

/** Boxes to choose them by, as a part of the form of filters. */
export function columnChoice(asked: string | undefined): Markup {
  const chosen = columnsOf(asked)
  return html`<fieldset class="columns"><legend>Columns</legend>${COLUMN_NAMES.map(
    (name) =>
      html`<label><input type="checkbox" name="columns" value="${name}" ${chosen.includes(name) ? html`checked` : NOTHING}>${CHOOSABLE[name].label}</label>`,
  )}</fieldset>`
}

/** @param choice The form that boxes before the rows belong to. */
export function sagaTable(
  view: View,
  sagas: readonly SagaSummary[],
  names: StepNames,
  chosen: readonly ColumnName[] = USUAL,
  choice?: string,
): Markup {
  const [state, head] = FIRST
  const first = choice === undefined ? FIRST : [{ ...state, cell: choosable(choice, state.cell) }, head]
  const columns = [...first, ...chosen.map((name): Column & { readonly cell: Cell } => CHOOSABLE[name])]
  const rows = sagas.map((saga) => ({
    id: `saga-${saga.id}`,
    cells: columns.map(({ cell }) => cell(saga, view, names)),
  }))
  return table('sagas', 'Sagas, the newest first', columns, rows)
}

function choosable(form: string, state: Cell): Cell {
  return (saga, view, names) =>
    html`<label class="choose"><input type="checkbox" name="id" value="${saga.id}" form="${form}"><span class="hidden">Choose ${clip(saga.key ?? saga.id, MAX_KEY_CHARACTERS)}</span></label>${state(saga, view, names)}`
}

function linked({ id, key }: SagaSummary, { base }: View): Markup {
  return html`<a class="name" href="${url(base, `/sagas/${id}`)}">${clip(key ?? id, MAX_KEY_CHARACTERS)}</a>`
}

function definition({ definition: name, version }: SagaSummary): Markup {
  return html`${name} <span class="muted nowrap">v${version}</span>`
}

function step(saga: SagaSummary, _view: View, names: StepNames): Markup | undefined {
  const position = positionOf(saga.state, names.of(saga))
  if (position === undefined) return undefined
  const { step: name, number, of } = position
  const place = number === undefined ? '' : html`<span class="muted nowrap">${number}/${of ?? number}</span> `
  return html`${place}${stepName(name)}`
}

function took({ createdAt, finishedAt }: SagaSummary): string | undefined {
  return finishedAt === null ? undefined : span(finishedAt.getTime() - createdAt.getTime())
}

function tags({ tags: all }: SagaSummary, { base }: View): Markup | undefined {
  if (all.length === 0) return undefined
  return html`${all.map((tag) => html`<a class="tag" href="${url(base, '/sagas', { tag })}">${tag}</a> `)}`
}

function lastError(saga: SagaSummary, view: View): Markup | undefined {
  const step = positionOf(saga.state, undefined)?.step
  const own = step === undefined ? undefined : saga.state.steps[step]?.error
  const found = own === undefined ? saga.failure : { step, error: own }
  if (!found) return undefined
  const about = {
    definition: saga.definition,
    sagaId: saga.id,
    ...(found.step === undefined ? {} : { step: found.step }),
  }
  const message = view.redaction.message(found.error.message, about)
  return html`<span class="clamp">${clip(message, MAX_ERROR_CHARACTERS)}</span>`
}
