/** The graph of one saga: the tree of its blueprint with what has become of each step. */
import type { Blueprint, BlueprintNode, StepNode } from '../../engine/core/blueprint.ts'
import type { SagaView, StepView } from '../../engine/saga-client.ts'
import { count } from '../partials/markup.ts'
import { span } from '../partials/time.ts'
import { lanesOf, type Sign } from '../words/states.ts'
import { type Face, faceOf, type GraphNode, type GraphStep } from './nodes.ts'
import type { Spans } from './spans.ts'

const NOT_RUN: Sign = { word: 'Not run', icon: 'circle', tone: 'idle' }
const NOT_TAKEN: Sign = { word: 'Not taken', icon: 'dash', tone: 'idle' }
const CHOSEN: Sign = { word: 'Chosen', icon: 'check', tone: 'good' }

/** Whether the step has a row in the table of steps, for the link. */
type Known = { readonly steps: ReadonlyMap<string, StepView>; readonly spans: ReadonlyMap<string, Spans> }

/** @param blueprint `undefined` while no worker with the code has taken it: the steps stand in a row then. */
export function sagaNodes(
  saga: Pick<SagaView, 'steps'>,
  blueprint: Blueprint | undefined,
  spans: ReadonlyMap<string, Spans>,
): readonly GraphNode[] {
  const known: Known = { steps: new Map(saga.steps.map((step) => [step.name, step])), spans }
  if (blueprint !== undefined) return blueprint.nodes.map((node) => graphNode(node, known))
  return saga.steps.map((step) => stepBox(step.name, true, known))
}

function graphNode(node: BlueprintNode, known: Known): GraphNode {
  const each = (nodes: readonly BlueprintNode[]) => nodes.map((inner) => graphNode(inner, known))
  switch (node.node) {
    case 'step':
      return ofStep(node, known)
    case 'map':
      return { ...stepBox(node.name, canBeUndone(node.item), known), isMap: true }
    case 'parallel':
      return { node: 'parallel', lanes: node.lanes.map(each) }
    case 'branch': {
      const chosen = known.steps.get(node.name)?.chosen
      const options = Object.entries(node.options).map(([label, nodes]) => ({
        label,
        nodes: each(nodes),
        isTaken: chosen === label,
      }))
      const isNoneTaken = chosen === null
      return { node: 'branch', choice: choiceBox(node.name, known), options, isNoneTaken }
    }
  }
}

function ofStep(node: StepNode, known: Known): GraphStep {
  const own = stepBox(node.name, canBeUndone(node), known)
  return {
    ...own,
    ...(node.pivot === true ? { isPivot: true } : {}),
    ...(node.fallback === undefined ? {} : { fallback: ofStep(node.fallback, known) }),
  }
}

export function canBeUndone({ compensation, kind }: StepNode): boolean {
  return compensation || kind === 'child'
}

function choiceBox(name: string, known: Known): GraphStep {
  const step = known.steps.get(name)
  const chosen = step?.chosen
  if (chosen !== undefined) {
    return { node: 'step', name, href: `#step-${name}`, forward: faceOf(CHOSEN, true, chosen ?? 'none') }
  }
  const { back: _none, ...box } = stepBox(name, false, known)
  return box
}

function stepBox(name: string, hasBack: boolean, known: Known): GraphStep {
  const step = known.steps.get(name)
  if (step === undefined) {
    return { node: 'step', name, forward: faceOf(NOT_TAKEN, false), back: hasBack ? faceOf(NOT_RUN, false) : 'none' }
  }
  const { forward, back } = lanesOf(step.state, step.inDoubt)
  return {
    node: 'step',
    name,
    href: `#step-${name}`,
    forward: faceOf(forward, step.state !== 'pending', besideForward(step, known)),
    back: backFace(step, back, hasBack, known),
  }
}

function backFace(step: StepView, back: Sign | undefined, hasBack: boolean, known: Known): Face | 'none' {
  if (back === undefined) return hasBack ? faceOf(NOT_RUN, false) : 'none'
  if (!hasBack && step.state === 'skipped') return 'none'
  return faceOf(back, true, besideBack(step, known))
}

function besideForward(step: StepView, { spans }: Known): string | undefined {
  if (step.items !== undefined) {
    const { completed = 0 } = step.items.byState
    return step.state === 'running' || step.state === 'waiting'
      ? `${completed}/${step.items.count}`
      : count(step.items.count, 'item')
  }
  if (step.state === 'running' || step.state === 'waiting') return nthAttempt(step.attempts)
  const took = spans.get(step.name)?.action
  return took === undefined || step.state === 'pending' ? undefined : span(took)
}

function besideBack(step: StepView, { spans }: Known): string | undefined {
  if (step.state === 'compensating') return nthAttempt(step.compensationAttempts)
  const took = spans.get(step.name)?.compensation
  const hasEnded = step.state === 'compensated' || step.state === 'compensation_failed'
  return took === undefined || !hasEnded ? undefined : span(took)
}

/** The first one goes without saying. */
function nthAttempt(attempts: number): string | undefined {
  return attempts > 1 ? `try ${attempts}` : undefined
}
