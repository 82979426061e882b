/** The journal, and of it the acts of people by themselves. */
import type { SagaView } from '../../engine/saga-client.ts'
import type { JournalLine } from '../../engine/store/journal-parts.ts'
import type { View } from '../view.ts'
import { actOf, inWords } from '../words/events.ts'
import { stepName } from '../words/position.ts'
import { clip, html, type Markup, url } from './markup.ts'
import { errorText } from './steps.ts'
import { table } from './table.ts'
import { ago, toTheMillisecond, zoneNote } from './time.ts'

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

/** @param all How many events there are. */
export function journalTable(view: View, saga: SagaView, entries: readonly JournalLine[], all: number): Markup {
  const [first, last] = [entries[0]?.sequence ?? 0, entries.at(-1)?.sequence ?? 0]
  const caption = entries.length < all ? `Events ${first} to ${last} of ${all}` : 'Every event, in order'
  const rows = entries.map(({ sequence, at, event, hasPayload }) => ({
    cells: [
      sequence,
      html`<time datetime="${at.toISOString()}">${toTheMillisecond(at)}</time>`,
      'step' in event && event.step !== undefined ? stepName(event.step) : undefined,
      html`${inWords(event)}${hasPayload ? html` <a class="small" href="${url(view.base, `/sagas/${saga.id}/data/${sequence}`)}">Data<span class="hidden"> of event ${sequence}</span></a>` : ''}${event.type === 'attempt_failed' ? errorText(view, event.error, { definition: saga.definition, sagaId: saga.id, step: event.step }) : ''}${byWhom(event)}`,
    ],
  }))
  return table('journal', `${caption} (${zoneNote()})`, JOURNAL_COLUMNS, rows)
}

function byWhom(event: JournalLine['event']): Markup | string {
  const act = actOf(event)
  return act === undefined ? '' : html`<p class="act">by <b>${clip(act.actor, 200)}</b>: ${act.reason}</p>`
}

/** Who did what, and why: the newest first. `undefined` when nobody did anything. */
export function acts(view: View, journal: readonly JournalLine[]): Markup | undefined {
  const rows = journal
    .filter(({ event }) => actOf(event) !== undefined)
    .reverse()
    .map(({ at, event }) => {
      const act = actOf(event)
      return { cells: [ago(at, view.now), act?.actor ?? '', inWords(event), act?.reason ?? ''] }
    })
  return rows.length === 0 ? undefined : table('acts', 'What people did, the newest first', ACT_COLUMNS, rows)
}
