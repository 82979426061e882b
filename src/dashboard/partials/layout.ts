/** The frame of every page. */
import type { View } from '../view.ts'
import { HTMX_CONFIG } from './live.ts'
import { html, type Markup, url, when } from './markup.ts'
import { nav } from './nav.ts'
import { shortcuts } from './shortcuts.ts'

export type Page = {
  readonly title: string
  readonly body: Markup
  /** Said once, when the page comes up: what an act has done. */
  readonly notice?: string
  /** What was pasted into the search field. */
  readonly search?: string
}

export function layout(view: View, page: Page): Markup {
  const { base, assets, environment, actor } = view
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${page.title} · pg-saga${environment === undefined ? '' : ` · ${environment}`}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content="${HTMX_CONFIG}">
<link rel="icon" href="${base}/assets/${assets.icon.name}" type="image/svg+xml">
<link rel="stylesheet" href="${base}/assets/${assets.style.name}">
<script defer nonce="${view.nonce}" src="${base}/assets/${assets.script.name}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
  <div class="inner">
    <a class="brand" href="${url(base, '/')}">pg-saga</a>
    ${when(environment !== undefined, () => html`<span class="environment">${environment ?? ''}</span>`)}
    <form class="find" method="get" action="${url(base, '/sagas')}" role="search">
      <label class="hidden" for="q">Find a saga by its id or key</label>
      <input id="q" name="q" type="search" placeholder="Id or key of a saga" maxlength="500" autocomplete="off" value="${page.search ?? ''}">
      <button type="submit">Find</button>
    </form>
    <a class="actor" href="${url(base, '/me')}"><span class="hidden">Signed in as </span>${actor.name ?? actor.id}</a>
  </div>
  ${nav(view)}
</header>
<main id="main" tabindex="-1" class="inner">
  <p id="status" role="status">${page.notice ?? ''}</p>
  ${page.body}
</main>
${shortcuts()}
</body>
</html>`
}
