/**
 * Tables that turn into cards on a narrow screen. Each cell carries its column's name for that, and the roles are
 * spelled out because `display: block` would take them away.
 */
import { html, type Markup } from './markup.ts'

export type Column = {
  readonly label: string
  /** `head` names the row, `short` never breaks, `wide` takes what is left. */
  readonly kind?: 'number' | 'short' | 'wide' | 'head'
  /** Where it stands in a card. */
  readonly place?: string
}

/** A cell that is undefined has nothing to say: a dash, and no line in a card. */
export type TableRow = { readonly id?: string; readonly cells: readonly (Markup | string | number | undefined)[] }

/** @param name Its class: tables differ in how their cards look. */
export function table(name: string, caption: string, columns: readonly Column[], rows: readonly TableRow[]): Markup {
  return html`<table role="table" class="cards ${name}">
  <caption>${caption}</caption>
  <thead role="rowgroup"><tr role="row">${columns.map(
    ({ label, kind }) => html`<th role="columnheader" scope="col" class="${kind ?? ''}">${label}</th>`,
  )}</tr></thead>
  <tbody role="rowgroup">${rows.map((row) => tableRow(columns, row))}</tbody>
</table>`
}

function tableRow(columns: readonly Column[], { id, cells }: TableRow): Markup {
  const drawn = columns.map(({ label, kind, place }, index) => {
    const cell = cells[index]
    const classes = [kind, place, cell === undefined ? 'none' : undefined].filter((one) => one !== undefined).join(' ')
    // The inner element keeps a cell's content together where the cell becomes a line of a card.
    const content = html`<div class="cell">${cell ?? '–'}</div>`
    return kind === 'head'
      ? html`<th role="rowheader" scope="row" class="${classes}" data-label="${label}">${content}</th>`
      : html`<td role="cell" class="${classes}" data-label="${label}">${content}</td>`
  })
  // A stable id lets a morph find the row again, wherever it has moved.
  return id === undefined ? html`<tr role="row">${drawn}</tr>` : html`<tr role="row" id="${id}">${drawn}</tr>`
}
