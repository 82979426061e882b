/** One payload of a saga as a whole, as far as a page can hold it. */
import type { PayloadText } from '../../engine/excerpts.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import { crumbs } from '../partials/crumbs.ts'
import { size, UNREADABLE } from '../partials/json.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { Room } from '../payload/room.ts'
import { tree } from '../payload/tree.ts'
import type { View } from '../view.ts'
import { stepName } from '../words/position.ts'
import { aboutPayload, titleOf } from './saga.ts'

/** What a page loads of a payload. */
export const MAX_LOADED_CHARACTERS = 5 * 1024 * 1024
const MAX_NODES = 20_000
const MAX_TEXT_CHARACTERS = 100_000
const MAX_DEPTH = 60

export function dataTitle({ step, type }: Pick<PayloadText, 'step' | 'type'>): string {
  if (step === null) return type === 'input_edited' ? 'Edited input' : 'Input'
  if (type === 'map_started') return `List of ${stepName(step)}`
  return `${type === 'step_checkpointed' ? 'Checkpoint' : 'Result'} of ${stepName(step)}`
}

export function dataPage(view: View, saga: SagaView, payload: PayloadText): Markup {
  const { sequence, characters } = payload
  const path = `/sagas/${saga.id}`
  return html`${crumbs([url(view.base, '/sagas'), 'Sagas'], [url(view.base, path), titleOf(saga)])}
<h1>${dataTitle(payload)}</h1>
<p class="lead">Event ${sequence}, ${size(characters)}. <a href="${url(view.base, `${path}/data/${sequence}/file`)}">Download</a></p>
${content(view, saga, payload)}`
}

function content(view: View, saga: SagaView, payload: PayloadText): Markup {
  const { text, unreadable, isWhole: isAtHand } = payload
  if (text === undefined) return html`<p class="note">${UNREADABLE[unreadable ?? 'CODEC_FAILED']}</p>`
  if (!isAtHand) {
    return html`<p class="note">It is longer than the ${size(MAX_LOADED_CHARACTERS)} that a page loads. Download it.</p>`
  }
  const value = view.redaction.payload(text, aboutPayload(saga.id, saga.definition, payload))
  const room = new Room(MAX_NODES, MAX_LOADED_CHARACTERS)
  const { markup, isWhole } = tree(value, { maxCharacters: MAX_TEXT_CHARACTERS, maxDepth: MAX_DEPTH, room })
  return html`${when(!isWhole, () => html`<p class="note">It has more values than a page can draw: all of it is in the file.</p>`)}
<div class="json-box whole" tabindex="0" role="region" aria-label="${dataTitle(payload)}" hx-ignore>${markup}</div>`
}
