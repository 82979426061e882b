/** The way back up from a page. */
import { html, type Markup } from './markup.ts'

/** @param ways From the top, each with its address. */
export function crumbs(...ways: readonly (readonly [address: string, label: string])[]): Markup {
  const links = ways.map(
    ([address, label], index) =>
      html`${index === 0 ? '' : html` <span aria-hidden="true">/</span> `}<a href="${address}">${label}</a>`,
  )
  return html`<nav aria-label="Breadcrumb" class="crumbs">${links}</nav>`
}
