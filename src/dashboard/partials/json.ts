/** Payloads: closed until asked for, as a tree, bounded, and as far as the host lets them be seen. */
import { charactersIn } from '../../engine/characters.ts'
import type { PayloadText } from '../../engine/excerpts.ts'
import type { Room } from '../payload/room.ts'
import { tree } from '../payload/tree.ts'
import type { RedactContext } from '../redaction.ts'
import type { View } from '../view.ts'
import { html, type Markup, NOTHING } from './markup.ts'

/** Up to here a payload is drawn on the page of its saga. */
export const MAX_SHOWN_CHARACTERS = 64 * 1024
const MAX_TEXT_CHARACTERS = 600
const MAX_DEPTH = 12

export type PayloadPart = {
  /** What it is, for the summary and for screen readers. */
  readonly label: string
  readonly payload: PayloadText
  readonly about: RedactContext
  /** Where all of it is. */
  readonly whole: string
  readonly room: Room
}

export function json(view: View, part: PayloadPart): Markup {
  const { label, payload } = part
  const { content, isWhole } = contentOf(view, part)
  const more = isWhole
    ? NOTHING
    : html`<p><a href="${part.whole}">Load all ${size(payload.characters)}<span class="hidden"> of ${label}</span></a></p>`
  // An id of its own keeps it open while rows above it come and go.
  return html`<details class="json" id="payload-${payload.sequence}">
    <summary>${label} <span class="muted">${payload.text === undefined ? '' : size(payload.characters)}</span></summary>
    <div class="json-box" tabindex="0" role="region" aria-label="${label}" hx-ignore>${content}</div>
    ${more}
  </details>`
}

type Content = { readonly content: Markup; readonly isWhole: boolean }

function contentOf(view: View, { payload, about, room }: PayloadPart): Content {
  const { text, unreadable } = payload
  if (text === undefined)
    return { content: html`<p class="muted">${UNREADABLE[unreadable ?? 'CODEC_FAILED']}</p>`, isWhole: true }
  if (!payload.isWhole) return beginning(view, text, room)
  const limits = { maxCharacters: MAX_TEXT_CHARACTERS, maxDepth: MAX_DEPTH, room }
  const { markup, isWhole } = tree(view.redaction.payload(text, about), limits)
  return { content: markup, isWhole }
}

/** Of half a payload nobody can say what has to be held back. */
function beginning(view: View, text: string, room: Room): Content {
  if (view.redaction.isOn) {
    return { content: html`<p class="muted">It is too long to be looked through on this page.</p>`, isWhole: false }
  }
  const shown = text.slice(0, room.characters(text.length)).toWellFormed()
  return {
    content: html`<p class="muted">The first ${size(charactersIn(shown))}, as they are stored:</p><pre>${shown}</pre>`,
    isWhole: false,
  }
}

export const UNREADABLE = {
  PAYLOAD_ERASED: 'It was erased.',
  CODEC_MISSING: 'It is encoded, and this process has no codec.',
  CODEC_FAILED: 'It is encoded, and the codec could not decode it.',
} as const

export function size(characters: number): string {
  if (characters < 1024) return `${characters} B`
  const kilo = characters / 1024
  if (kilo < 1024) return `${kilo.toFixed(kilo < 10 && !Number.isInteger(kilo) ? 1 : 0)} KB`
  return `${(kilo / 1024).toFixed(1)} MB`
}
