/** The steps of a definition in order, as nested lists: what the graph shows, for whoever does not see it. */
import type { Blueprint, BlueprintNode, StepNode } from '../../engine/core/blueprint.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import { canBeUndone } from '../graph/of-saga.ts'
import type { View } from '../view.ts'
import { HELD_SIGN, isHeld, KIND_MEANS, KIND_SIGNS, SIDE_WORDS } from '../words/definitions.ts'
import { html, type Markup, url, when } from './markup.ts'
import { sign } from './sign.ts'

type About = {
  readonly view: View
  readonly definition: string
  readonly holds: readonly HoldView[]
  readonly mayHold: boolean
}

export function definitionSteps(
  view: View,
  blueprint: Blueprint,
  holds: readonly HoldView[],
  mayHold: boolean,
): Markup {
  return list(blueprint.nodes, { view, definition: blueprint.definition, holds, mayHold })
}

function list(nodes: readonly BlueprintNode[], about: About): Markup {
  return html`<ol class="tree">${nodes.map((node) => item(node, about))}</ol>`
}

function item(node: BlueprintNode, about: About): Markup {
  switch (node.node) {
    case 'step':
      return step(node, node.kind, about, node.formerly)
    case 'map':
      return step({ ...node.item, name: node.name }, 'map', about, node.formerly)
    case 'parallel':
      return html`<li><p><span class="muted">Side by side, in ${node.lanes.length} lanes:</span></p><ul class="lanes">${node.lanes.map((lane, index) => html`<li><p class="muted">Lane ${index + 1}:</p>${list(lane, about)}</li>`)}</ul></li>`
    case 'branch':
      return html`<li id="step-${node.name}">${head(node.name, 'branch', about)}<ul class="lanes">${Object.entries(node.options).map(([option, nodes]) => html`<li><p class="muted">If ${option}:</p>${list(nodes, about)}</li>`)}</ul></li>`
  }
}

function step(node: StepNode, kind: keyof typeof KIND_SIGNS, about: About, formerly?: readonly string[]): Markup {
  const { name, fallback } = node
  const facts = [
    kind === 'external' ? '' : KIND_MEANS[kind],
    undoing(node),
    node.pivot === true ? 'The pivot: after it there is only forward.' : '',
    node.verify === true ? 'In doubt, it is verified first.' : '',
    formerly === undefined ? '' : `Formerly ${formerly.join(', ')}.`,
  ]
  return html`<li id="step-${name}">${head(name, kind, about, node.pivot === true)}<p class="muted">${facts.filter((fact) => fact !== '').join(' ')}</p>${when(
    fallback !== undefined,
    () =>
      html`<p class="muted">In its place, when it fails for a listed reason:</p><ul class="lanes">${fallback === undefined ? '' : step(fallback, fallback.kind, about)}</ul>`,
  )}</li>`
}

function undoing(node: StepNode): string {
  if (!canBeUndone(node)) return 'Nothing undoes it.'
  return node.compensateWhen === 'completed'
    ? 'Its compensation undoes it when it has completed, and not in doubt.'
    : 'Its compensation undoes it.'
}

function head(name: string, kind: keyof typeof KIND_SIGNS, about: About, isPivot = false): Markup {
  const { view, definition, holds, mayHold } = about
  const held = (['action', 'compensation'] as const).filter((side) => isHeld(holds, name, side))
  return html`<p><span class="name">${name}</span> ${sign(KIND_SIGNS[kind])}${when(isPivot, () => html` ${sign({ word: 'Pivot', icon: 'flag', tone: 'busy' })}`)}${when(
    held.length > 0,
    () => html` ${sign(HELD_SIGN, held.length === 2 ? 'both sides' : SIDE_WORDS[held[0] ?? 'action'])}`,
  )}${when(
    mayHold,
    () =>
      html` <a class="small" href="${url(view.base, `/definitions/${definition}/hold`, { step: name })}">Hold ${name}…</a>`,
  )}</p>`
}
