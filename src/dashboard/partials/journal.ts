/** The journal, and of it the acts of people by themselves. */
import type { JournalEntry } from '../../engine/store/journal.ts'
import type { View } from '../view.ts'
import { actOf, inWords } from '../words/events.ts'
import { stepName } from '../words/position.ts'
import { clip, html, type Markup } from './markup.ts'
import { errorText } from './steps.ts'
import { table } from './table.ts'
import { ago, exact } from './time.ts'

const JOURNAL_COLUMNS = [
  { label: 'No.', kind: 'number' },
  { label: 'When' },
  { label: 'Step' },
  { label: 'What', kind: 'wide' },
] as const

const ACT_COLUMNS = [{ label: 'When' }, { label: 'Who' }, { label: 'What' }, { label: 'Why', kind: 'wide' }] as const

export function journalTable(entries: readonly JournalEntry[], all: number): Markup {
  const caption = entries.length < all ? `The last ${entries.length} of ${all} events` : 'Every event, in order'
  const rows = entries.map(({ sequence, at, event }) => ({
    cells: [
      sequence,
      html`<time class="nowrap" datetime="${at.toISOString()}">${exact(at)}</time>`,
      'step' in event && event.step !== undefined ? stepName(event.step) : '',
      html`${inWords(event)}${'error' in event ? errorText(event.error) : ''}${byWhom(event)}`,
    ],
  }))
  return table(caption, JOURNAL_COLUMNS, rows)
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
  return rows.length === 0 ? undefined : table('What people did, the newest first', ACT_COLUMNS, rows)
}
