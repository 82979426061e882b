/** Pages for what cannot be shown or done. */
import type { SagaView } from '../../engine/saga-client.ts'
import { html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import type { Refusal } from '../security/refusal.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS, type ActionName, actionsFor } from '../words/actions.ts'
import { titleOf } from './saga.ts'

export function problemPage(view: View, { status, title, message }: Refusal): Markup {
  return html`<section class="empty"><h1>${title}</h1><p>${message}</p>
${when(status >= 500, () => html`<p>Request <code>${view.requestId}</code>: the log has more under this id.</p>`)}
<p><a class="button" href="${url(view.base, '/sagas')}">All sagas</a></p></section>`
}

/** An order that does not fit, with those that do. */
export function refusedPage(view: View, saga: SagaView, action: ActionName, why: string): Markup {
  const fitting = actionsFor(saga).filter(({ name, whyNot }) => whyNot === undefined && name !== action)
  const link = (name: ActionName) => url(view.base, `/sagas/${saga.id}/plan`, { action: name })
  return html`<section class="empty"><h1>${ACTION_WORDS[action].label} does not fit</h1>
<p>${why}</p>
${
  fitting.length === 0
    ? html`<p>Nothing can be ordered of it now.</p>`
    : html`<h2>What fits now</h2><dl class="why">${fitting.map(
        ({ name }) =>
          html`<div><dt><a href="${link(name)}">${ACTION_WORDS[name].label}</a></dt><dd>${ACTION_WORDS[name].does}</dd></div>`,
      )}</dl>`
}
<p><a class="button" href="${url(view.base, `/sagas/${saga.id}`)}">Back to ${titleOf(saga)}</a></p></section>`
}

/**
 * What everybody sees who does not come in. It stands alone, without script or style, because those are closed too.
 *
 * @param how How to open it: for the developer who has just mounted it.
 */
export function closedPage(title: string, text: string, how?: string): Markup {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title} · pg-saga</title><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head>
<body><main><h1>${title}</h1><p>${text}</p>${how === undefined ? NOTHING : html`<pre tabindex="0">${how}</pre>`}</main></body>
</html>`
}

export const HOW_TO_OPEN = `sagaDashboard({
  client,
  authenticate: async (request) => {
    const user = await userOf(request)            // your own session
    return user && { id: user.email, role: 'operator' }
  },
})`
