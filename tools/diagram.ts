/**
 * Draws the statuses from the transition table of the core into `docs/concepts.md`, between the two markers.
 *
 * `node tools/diagram.ts` writes it; with `--check` it only looks, and exits with 1 when the page is stale. Another page
 * may be named as an argument.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Status, TRANSITIONS, type Transition } from '../src/engine/core/machine.ts'

const BEGIN = '<!-- transitions:begin -->'
const END = '<!-- transitions:end -->'

/** Where the diagram stands. */
export const DIAGRAM_PAGE: string = join(import.meta.dirname, '..', 'docs', 'concepts.md')

/** The page with the diagram and the table of these transitions between its markers. */
export function withTransitions(page: string, transitions: readonly Transition[]): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`The page needs the lines ${BEGIN} and ${END}, in this order.`)
  const drawn = `${diagram(transitions)}\n\n${table(transitions)}`
  return `${page.slice(0, begin + BEGIN.length)}\n\n${drawn}\n\n${page.slice(end)}`
}

/** Whether the page shows other transitions than these. */
export function isStale(page: string, transitions: readonly Transition[] = TRANSITIONS): boolean {
  return withTransitions(page, transitions) !== page
}

/** One arrow for each pair of statuses, with the words of all transitions between them. */
function diagram(transitions: readonly Transition[]): string {
  const labels = new Map<string, Set<string>>()
  for (const { from, to, label } of transitions) {
    const arrow = `${from ?? '[*]'} --> ${to}`
    labels.set(arrow, (labels.get(arrow) ?? new Set()).add(label))
  }
  const arrows = [...labels].map(([arrow, words]) => `  ${arrow} : ${[...words].join(' / ')}`)
  const ends = finals(transitions).map((status) => `  ${status} --> [*]`)
  return ['```mermaid', 'stateDiagram-v2', ...arrows, ...ends, '```'].join('\n')
}

/** What is reached and never left. */
function finals(transitions: readonly Transition[]): readonly Status[] {
  const left = new Set(transitions.map(({ from }) => from))
  return [...new Set(transitions.map(({ to }) => to))].filter((status) => !left.has(status))
}

function table(transitions: readonly Transition[]): string {
  const rows = transitions.map(({ event, from, to, label }) => {
    return `| ${from === null ? '–' : `\`${from}\``} | \`${to}\` | \`${event}\` | ${label} |`
  })
  return ['| from | to | event | when |', '|---|---|---|---|', ...rows].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const [path = DIAGRAM_PAGE] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
  const page = readFileSync(path, 'utf8')
  if (!process.argv.includes('--check')) writeFileSync(path, withTransitions(page, TRANSITIONS))
  else if (isStale(page)) {
    console.error(
      `${path} does not show the transitions of src/engine/core/machine.ts. Write it: node tools/diagram.ts`,
    )
    process.exitCode = 1
  }
}
