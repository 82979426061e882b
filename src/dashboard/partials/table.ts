/**
 * Tables that turn into cards on a narrow screen. Each cell carries its column's name for that, and the roles are
 * spelled out because `display: block` would take them away.
 */
import { html, type Markup } from './markup.ts'

export type Column = { readonly label: string; readonly kind?: 'number' | 'wide' | 'head' }

export type TableRow = { readonly id?: string; readonly cells: readonly (Markup | string | number)[] }

export function table(caption: string, columns: readonly Column[], rows: readonly TableRow[]): Markup {
  return html`<table role="table" class="cards">
  <caption>${caption}</caption>
  <thead role="rowgroup"><tr role="row">${columns.map(
    ({ label, kind }) => html`<th role="columnheader" scope="col" class="${kind ?? ''}">${label}</th>`,
  )}</tr></thead>
  <tbody role="rowgroup">${rows.map((row) => tableRow(columns, row))}</tbody>
</table>`
}

function tableRow(columns: readonly Column[], { id, cells }: TableRow): Markup {
  const drawn = columns.map(({ label, kind }, index) => {
    const cell = cells[index] ?? ''
    if (kind === 'head') return html`<th role="rowheader" scope="row" data-label="${label}">${cell}</th>`
    return html`<td role="cell" data-label="${label}" class="${kind ?? ''}">${cell}</td>`
  })
  // A stable id lets a morph find the row again, wherever it has moved.
  return id === undefined ? html`<tr role="row">${drawn}</tr>` : html`<tr role="row" id="${id}">${drawn}</tr>`
}
