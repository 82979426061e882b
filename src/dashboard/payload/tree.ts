/**
 * JSON as a tree that opens without scripts: every value is a text node, and every key as well. What is in there was written
 * by others, so htmx ignores it as a whole.
 */

import { digits } from '../charts/scale.ts'
import { clip, count, html, type Markup, NOTHING } from '../partials/markup.ts'
import { Redacted } from '../redaction.ts'
import { ExactNumber, Unparsed } from './exact.ts'
import type { Room } from './room.ts'

export type TreeLimits = {
  /** Of a text, and of a key. */
  readonly maxCharacters: number
  /** How deep values are drawn; what lies deeper is said to be there. */
  readonly maxDepth: number
  readonly room: Room
}

/** How many values of a list stand in one part of it. */
const PART = 100
const MAX_KEY_CHARACTERS = 200

/** @returns the tree; and whether all of it is there. */
export function tree(value: unknown, limits: TreeLimits): { readonly markup: Markup; readonly isWhole: boolean } {
  const drawn = { isWhole: true }
  const inner = isBranch(value)
    ? branchOf(value, 1, limits, drawn)
    : html`<ul class="data"><li>${leaf(value, limits, drawn)}</li></ul>`
  return { markup: inner, isWhole: drawn.isWhole }
}

type Drawn = { isWhole: boolean }
type Entry = readonly [key: string, value: unknown]

function isBranch(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof ExactNumber) &&
    !(value instanceof Unparsed) &&
    !(value instanceof Redacted) &&
    Object.keys(value).length > 0
  )
}

function branchOf(value: object, depth: number, limits: TreeLimits, drawn: Drawn): Markup {
  const entries = Object.entries(value)
  if (entries.length <= PART) return list(entries, depth, limits, drawn)
  const parts = Array.from({ length: Math.ceil(entries.length / PART) }, (_, at) => {
    const part = entries.slice(at * PART, (at + 1) * PART)
    if (!limits.room.node()) return cut(drawn)
    const label = `${clip(part[0]?.[0] ?? '', 40)} to ${clip(part.at(-1)?.[0] ?? '', 40)}`
    return html`<li><details><summary>${label}</summary>${list(part, depth, limits, drawn)}</details></li>`
  })
  return html`<ul class="data">${untilCut(parts)}</ul>`
}

function list(entries: readonly Entry[], depth: number, limits: TreeLimits, drawn: Drawn): Markup {
  const items: Markup[] = []
  for (const entry of entries) {
    if (!limits.room.node()) {
      items.push(cut(drawn))
      break
    }
    items.push(item(entry, depth, limits, drawn))
  }
  return html`<ul class="data">${untilCut(items)}</ul>`
}

function item([key, value]: Entry, depth: number, limits: TreeLimits, drawn: Drawn): Markup {
  const name = html`<b>${clip(key, MAX_KEY_CHARACTERS)}</b>`
  if (!isBranch(value)) return html`<li>${name} ${leaf(value, limits, drawn)}</li>`
  const size = Array.isArray(value) ? `list of ${digits(value.length)}` : count(Object.keys(value).length, 'field')
  if (depth >= limits.maxDepth) {
    drawn.isWhole = false
    return html`<li>${name} <span class="muted">${size}, too deep to be drawn</span></li>`
  }
  return html`<li><details><summary>${name} <span class="muted">${size}</span></summary>${branchOf(value, depth + 1, limits, drawn)}</details></li>`
}

function leaf(value: unknown, limits: TreeLimits, drawn: Drawn): Markup {
  if (value instanceof Redacted) {
    const shown = value.shown === undefined ? NOTHING : html`${leaf(value.shown, limits, drawn)} `
    return html`${shown}<span class="redacted">redacted</span>`
  }
  if (value instanceof ExactNumber) return html`<span class="v">${clip(value.text, limits.maxCharacters)}</span>`
  if (value instanceof Unparsed) {
    return html`<span class="muted">It cannot be parsed. As it is stored:</span> ${text(value.text, limits, drawn)}`
  }
  if (typeof value === 'string') return text(value, limits, drawn)
  if (typeof value === 'object' && value !== null) {
    return html`<span class="muted">${Array.isArray(value) ? 'empty list' : 'no fields'}</span>`
  }
  return html`<span class="v">${JSON.stringify(value)}</span>`
}

function text(value: string, { maxCharacters, room }: TreeLimits, drawn: Drawn): Markup {
  const most = Math.min(value.length, maxCharacters)
  const given = room.characters(most)
  if (given >= value.length) return html`<span class="v s">“${value}”</span>`
  drawn.isWhole = false
  return html`<span class="v s">“${value.slice(0, given).toWellFormed()}…</span> <span class="muted">${digits(value.length)} characters</span>`
}

/** Stands where there was no room for more; behind it there is nothing. */
const CUT = html`<li class="muted">… more than is shown here</li>`

function cut(drawn: Drawn): Markup {
  drawn.isWhole = false
  return CUT
}

function untilCut(items: readonly Markup[]): readonly Markup[] {
  const end = items.indexOf(CUT)
  return end < 0 ? items : items.slice(0, end + 1)
}
