/**
 * Pictures as Mermaid text: a definition's shape as a flowchart, a saga's journal as a sequence diagram.
 *
 * Source: the syntax is Mermaid's, https://mermaid.js.org.
 */
import type { Blueprint, BlueprintNode, StepNode } from './core/blueprint.ts'
import type { JournalEntry } from './store/journal.ts'

/** A flowchart from the top down. Steps that can be undone stand in rounded boxes; the pivot is a hexagon. */
export function graphOf(blueprint: Blueprint): string {
  const drawing = new Drawing()
  const start = drawing.box('([start])')
  const ends = drawing.sequence(blueprint.nodes, [{ id: start }])
  const done = drawing.box('([completed])')
  drawing.join(ends, done)
  const title = `---\ntitle: ${blueprint.definition} v${blueprint.version}\n---`
  return [title, 'flowchart TD', ...drawing.lines.map((line) => `  ${line}`)].join('\n')
}

type End = { readonly id: string; readonly label?: string }

class Drawing {
  readonly lines: string[] = []
  #count = 0

  box(shape: string): string {
    const id = `n${this.#count}`
    this.#count += 1
    this.lines.push(`${id}${shape}`)
    return id
  }

  join(from: readonly End[], to: string): void {
    for (const { id, label } of from)
      this.lines.push(label === undefined ? `${id} --> ${to}` : `${id} -- ${label} --> ${to}`)
  }

  /** @returns where it goes on from. */
  sequence(nodes: readonly BlueprintNode[], from: readonly End[]): readonly End[] {
    return nodes.reduce<readonly End[]>((ends, node) => this.#node(node, ends), from)
  }

  #node(node: BlueprintNode, from: readonly End[]): readonly End[] {
    if (node.node === 'parallel') {
      const fork = this.box(`{{"${node.name}"}}`)
      this.join(from, fork)
      return node.lanes.flatMap((lane) => this.sequence(lane, [{ id: fork }]))
    }
    if (node.node === 'branch') {
      const choice = this.box(`{"${node.name}"}`)
      this.join(from, choice)
      const options = Object.entries(node.options)
      const ways = options.flatMap(([option, nodes]) => this.sequence(nodes, [{ id: choice, label: `"${option}"` }]))
      return [...ways, { id: choice, label: '"none"' }]
    }
    if (node.node === 'map') {
      const each = this.box(`[["${node.name}, for each item"]]`)
      this.join(from, each)
      return [{ id: each }]
    }
    return this.#step(node, from)
  }

  #step(step: StepNode, from: readonly End[]): readonly End[] {
    const text = step.kind === 'transactional' ? `${step.name}, in a transaction` : step.name
    const shape = step.pivot === true ? `{{"${text}, pivot"}}` : step.compensation ? `("${text}")` : `["${text}"]`
    const id = this.box(shape)
    this.join(from, id)
    if (step.fallback === undefined) return [{ id }]
    const instead = this.box(`("${step.fallback.name}")`)
    this.join([{ id, label: '"instead"' }], instead)
    return [{ id }, { id: instead }]
  }
}

/** What happened, in order: the saga on the left, each step beside it. No payloads are in it. */
export function sequenceOf(id: string, journal: readonly JournalEntry[]): string {
  const steps = [...new Set(journal.flatMap(({ event }) => ('step' in event && event.step ? [event.step] : [])))]
  const names = new Map(steps.map((step, at) => [step, `s${at}`]))
  const lines = journal.map(({ event }) => {
    const step = 'step' in event && event.step ? names.get(event.step) : undefined
    const about = 'side' in event && event.side === 'compensation' ? ' (compensation)' : ''
    const text = `${event.type.replaceAll('_', ' ')}${about}`
    if (step === undefined) return `note over saga: ${text}`
    return event.type === 'attempt_scheduled' ? `saga->>${step}: ${text}` : `${step}-->>saga: ${text}`
  })
  const actors = [`participant saga as ${id}`, ...[...names].map(([step, name]) => `participant ${name} as ${step}`)]
  return ['sequenceDiagram', ...actors, ...lines].map((line, at) => (at === 0 ? line : `  ${line}`)).join('\n')
}
