/** The saga to take along: as commands, as a test, as a file. Text to be selected; where scripts run, a button copies it. */
import type { PayloadText } from '../../engine/excerpts.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import { commandsFor } from '../copies/commands.ts'
import { testOfSaga } from '../copies/test-of-saga.ts'
import type { RedactContext } from '../redaction.ts'
import type { Attempt } from '../timeline/attempts.ts'
import type { View } from '../view.ts'
import { html, type Markup, url } from './markup.ts'

/** An input that is longer is in the file. */
const MAX_INPUT_CHARACTERS = 8 * 1024

export type CopySource = {
  readonly saga: SagaView
  readonly attempts: readonly Attempt[]
  readonly input: PayloadText | undefined
  readonly about: RedactContext
}

export function copyAs(view: View, { saga, attempts, input, about }: CopySource): Markup {
  const { text, characters = 0, isWhole = false } = input ?? {}
  const isAtHand = text !== undefined && isWhole && characters <= MAX_INPUT_CHARACTERS
  const test = testOfSaga({
    saga,
    attempts,
    input: isAtHand ? view.redaction.payload(text, about) : undefined,
    redaction: view.redaction,
  })
  const commands = commandsFor(saga)
    .map(({ label, text: command }) => `# ${label}\n${command}`)
    .join('\n')
  return html`<div class="copies">
<details><summary>As commands</summary>${copied('copy-commands', 'Commands', commands)}</details>
<details><summary>As a test</summary>${copied('copy-test', 'Test', test)}</details>
<p><a href="${url(view.base, `/sagas/${saga.id}/export`)}" download>Export JSON</a> <span class="muted">The saga, its steps and its journal in one file.</span></p>
</div>`
}

function copied(id: string, label: string, text: string): Markup {
  const rows = Math.min(16, text.split('\n').length)
  return html`<div hx-ignore><label class="hidden" for="${id}">${label}</label><textarea id="${id}" readonly rows="${rows}" spellcheck="false" wrap="off">${text}</textarea></div><button class="copy" type="button" data-copies="${id}">Copy<span class="hidden"> (${label})</span></button>`
}
