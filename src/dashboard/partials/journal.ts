/** The journal, and of it the acts of people by themselves. */
import type { JournalEntry } from '../../engine/store/journal.ts'
import type { View } from '../view.ts'
import { actOf, inWords } from '../words/events.ts'
import { stepName } from '../words/position.ts'
import { clip, html, type Markup } from './markup.ts'
import { errorText } from './steps.ts'
import { table } from './table.ts'
import { ago, toTheMillisecond } from './time.ts'

const JOURNAL_COLUMNS = [
  { label: 'No.', kind: 'number', place: 'at-no' },
  { label: 'When', kind: 'short', place: 'at-when' },
  { label: 'Step', kind: 'short' },
  { label: 'What', kind: 'wide' },
] as const

const ACT_COLUMNS = [
  { label: 'When', kind: 'short' },
  { label: 'Who' },
  { label: 'What' },
  { label: 'Why', kind: 'wide' },
] as const

export function journalTable(entries: readonly JournalEntry[], all: number): Markup {
  const caption = entries.length < all ? `The last ${entries.length} of ${all} events` : 'Every event, in order'
  const rows = entries.map(({ sequence, at, event }) => ({
    cells: [
      sequence,
      html`<time datetime="${at.toISOString()}">${toTheMillisecond(at)}</time>`,
      'step' in event && event.step !== undefined ? stepName(event.step) : undefined,
      html`${inWords(event)}${event.type === 'attempt_failed' ? errorText(event.error) : ''}${byWhom(event)}`,
    ],
  }))
  return table('journal', caption, JOURNAL_COLUMNS, rows)
}

function byWhom(event: JournalEntry['event']): Markup | string {
  const act = actOf(event)
  return act === undefined ? '' : html`<p class="act">by <b>${clip(act.actor, 200)}</b>: ${act.reason}</p>`
}

/** Who did what, and why: the newest first. `undefined` when nobody did anything. */
export function acts(view: View, journal: readonly JournalEntry[]): Markup | undefined {
  const rows = journal
    .filter(({ event }) => actOf(event) !== undefined)
    .reverse()
    .map(({ at, event }) => {
      const act = actOf(event)
      return { cells: [ago(at, view.now), act?.actor ?? '', inWords(event), act?.reason ?? ''] }
    })
  return rows.length === 0 ? undefined : table('acts', 'What people did, the newest first', ACT_COLUMNS, rows)
}
