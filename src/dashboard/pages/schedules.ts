/** What is done by the clock: duties of maintenance, with what they did and a way to do them now, and starts of sagas. */
import { DUTIES, type Duty, LOGGED } from '../../engine/duties.ts'
import type { MaintenanceEntry } from '../../engine/store/maintenance-log.ts'
import type { ScheduleView } from '../../engine/system.ts'
import type { Log } from '../facts.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { clip, html, type Markup, NOTHING, url } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago, moment, span } from '../partials/time.ts'
import type { SchedulesQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { DUTY_WORDS, isLogged, reportOf } from '../words/duties.ts'
import type { Sign } from '../words/states.ts'
import { lastOf } from '../words/upkeep.ts'

const MAX_TEXT_CHARACTERS = 200
const LINES_SHOWN = 100

export type SchedulesRead = {
  readonly schedules: readonly ScheduleView[]
  readonly log: Log
  /** Of all duties, or of the one that was asked for. */
  readonly entries: readonly MaintenanceEntry[]
  /** What was asked for, if the log still has it. */
  readonly entry: MaintenanceEntry | undefined
  /** This actor has the right to have maintenance done. */
  readonly mayMaintain: boolean
}

export function schedulesPage(view: View, read: SchedulesRead, query: SchedulesQuery): Markup {
  const to = (updates: 'off' | undefined) => address(view, { ...query, live: updates })
  return html`<div class="heading"><h1>Schedules</h1>${liveSwitch(query.live === 'off', to)}</div>
${schedulesPart(view, read, query)}`
}

export function schedulesPart(view: View, read: SchedulesRead, query: SchedulesQuery): Markup {
  const body = html`${shown(view, read, query)}
<section aria-labelledby="h-duties"><h2 id="h-duties">Maintenance</h2>${duties(view, read)}</section>
<section aria-labelledby="h-starts"><h2 id="h-starts">Starts by the clock</h2>${starts(view, read.schedules)}</section>
<section aria-labelledby="h-log"><h2 id="h-log">What was done</h2>${filters(view, query)}${logTable(view, read.entries)}</section>`
  return live(view, query.live === 'off' ? undefined : address(view, query), noticeOf(read.entry), body)
}

function address({ base }: View, query: Partial<SchedulesQuery>): string {
  return url(base, '/schedules', query)
}

/** What is said when the page comes up after something was ordered. */
export function noticeOf(entry: MaintenanceEntry | undefined): string {
  return entry === undefined ? '' : `${nameOf(entry)}: ${reportOf(entry).says}`
}

function nameOf({ duty, isDry }: MaintenanceEntry): string {
  const name = isLogged(duty) ? DUTY_WORDS[duty].label : clip(duty, MAX_TEXT_CHARACTERS)
  return isDry ? `${name}, only looked at` : name
}

const STATES = {
  done: { word: 'Done', icon: 'check', tone: 'good' },
  looked: { word: 'Looked at', icon: 'circle', tone: 'idle' },
  failed: { word: 'Failed', icon: 'alert', tone: 'bad' },
  underWay: { word: 'Under way', icon: 'play', tone: 'busy' },
} as const satisfies Record<string, Sign>

function stateOf({ isDry, error, finishedAt }: MaintenanceEntry): Sign {
  if (error !== null) return STATES.failed
  if (finishedAt === null) return STATES.underWay
  return isDry ? STATES.looked : STATES.done
}

/** One time in full. */
function shown(view: View, { entry }: SchedulesRead, query: SchedulesQuery): Markup {
  if (query.entry === undefined) return NOTHING
  if (entry === undefined) return html`<p class="note">The log does not have this time any more.</p>`
  const { says, lines } = reportOf(entry)
  const rest = lines.length - LINES_SHOWN
  return html`<section class="verdict ${stateOf(entry).tone}" aria-label="${nameOf(entry)}"><p class="state">${sign(stateOf(entry))} <b class="text">${nameOf(entry)}</b></p>
<p class="said">${says}</p>
<p class="muted">By ${clip(entry.by, MAX_TEXT_CHARACTERS)}, ${moment(entry.startedAt, view.now)}${took(entry)}</p>
${lines.length === 0 ? NOTHING : html`<ul class="lines">${lines.slice(0, LINES_SHOWN).map((line) => lineOf(view, line))}${rest > 0 ? html`<li class="muted">and ${rest} more</li>` : NOTHING}</ul>`}</section>`
}

function lineOf({ base }: View, { text, sagaId }: { readonly text: string; readonly sagaId?: string }): Markup {
  if (sagaId === undefined) return html`<li>${text}</li>`
  return html`<li><a href="${url(base, `/sagas/${encodeURIComponent(sagaId)}`)}"><code>${clip(sagaId, 36)}</code></a> ${text}</li>`
}

function took({ startedAt, finishedAt }: MaintenanceEntry): string {
  return finishedAt === null ? '' : `, in ${span(finishedAt.getTime() - startedAt.getTime())}`
}

const DUTY_COLUMNS = [
  { label: 'Duty', kind: 'head' },
  { label: 'When', kind: 'short' },
  { label: 'Last time', kind: 'wide' },
  { label: 'Now', kind: 'short' },
] as const

function duties(view: View, { schedules, log, mayMaintain }: SchedulesRead): Markup {
  const rows = DUTIES.map((duty) => ({
    id: `duty-${duty}`,
    cells: [
      html`<span class="name">${DUTY_WORDS[duty].label}</span> <span class="muted explained">${DUTY_WORDS[duty].does}</span>`,
      when(
        view,
        schedules.find(({ kind, name }) => kind === 'maintenance' && name === duty),
      ),
      last(view, lastOf(log[duty])),
      mayMaintain ? forms(view, duty) : undefined,
    ],
  }))
  const all = table('duties', 'Workers do these when they are due', DUTY_COLUMNS, rows)
  if (mayMaintain) return all
  return html`${all}<p class="note">${view.actor.name ?? view.actor.id} has no right to have them done now.</p>`
}

function when(view: View, schedule: ScheduleView | undefined): Markup {
  if (schedule === undefined) return html`<span class="muted">Never by itself</span>`
  const { cron, tz, nextAt } = schedule
  const next = nextAt === null ? 'Never again.' : html`Next ${ago(nextAt, view.now)}`
  return html`${next} <span class="muted nowrap"><code>${clip(cron, MAX_TEXT_CHARACTERS)}</code> ${clip(tz, 60)}</span>`
}

function last(view: View, entry: MaintenanceEntry | undefined): Markup {
  if (entry === undefined) return html`<span class="muted">Not yet</span>`
  const target = address(view, { duty: isLogged(entry.duty) ? entry.duty : undefined, entry: entry.id })
  const failed = entry.error === null ? NOTHING : html`${sign(STATES.failed)} `
  return html`${failed}<a href="${target}">${ago(entry.startedAt, view.now)}</a> <span class="clamp">${reportOf(entry).says}</span>`
}

function forms({ base }: View, duty: Duty): Markup {
  const form = (dry: 'yes' | 'no', label: string) =>
    html`<li><button type="submit" name="dry" value="${dry}">${label}<span class="hidden"> (${DUTY_WORDS[duty].label})</span></button></li>`
  return html`<form method="post" action="${url(base, `/schedules/${duty}`)}"><ul class="buttons">${form('yes', 'Show what it would do')}${form('no', 'Do it now')}</ul></form>`
}

const START_COLUMNS = [
  { label: 'Schedule', kind: 'head' },
  { label: 'When' },
  { label: 'Its sagas', kind: 'short' },
] as const

function starts(view: View, schedules: readonly ScheduleView[]): Markup {
  const own = schedules.filter(({ kind }) => kind === 'saga')
  if (own.length === 0) {
    return html`<p class="muted">No saga is started by the clock. <code>defineSchedule</code> makes a schedule, and an engine that has it starts its sagas.</p>`
  }
  const rows = own.map((schedule) => ({
    id: `schedule-${schedule.name}`,
    cells: [
      html`<span class="name">${clip(schedule.name, MAX_TEXT_CHARACTERS)}</span>`,
      when(view, schedule),
      // The key of a start begins so.
      html`<a href="${url(view.base, '/sagas', { 'key-prefix': `${schedule.name}@` })}">Show them<span class="hidden"> (${clip(schedule.name, MAX_TEXT_CHARACTERS)})</span></a>`,
    ],
  }))
  return table('starts', 'Schedules that start sagas', START_COLUMNS, rows)
}

function filters(view: View, query: SchedulesQuery): Markup {
  const link = (duty: SchedulesQuery['duty'], label: string) => {
    const current = duty === query.duty ? html`aria-current="page"` : NOTHING
    return html`<li><a href="${address(view, { duty, live: query.live })}" ${current}>${label}</a></li>`
  }
  return html`<nav aria-label="Duties"><ul class="states">${link(undefined, 'All')}${LOGGED.map((duty) => link(duty, DUTY_WORDS[duty].label))}</ul></nav>`
}

const LOG_COLUMNS = [
  { label: 'When', kind: 'short' },
  { label: 'What', kind: 'short' },
  { label: 'State', kind: 'short' },
  { label: 'What came of it', kind: 'wide' },
  { label: 'By' },
] as const

function logTable(view: View, entries: readonly MaintenanceEntry[]): Markup {
  if (entries.length === 0) return html`<p class="muted">Nothing has been done yet.</p>`
  const rows = entries.map((entry) => ({
    id: `entry-${entry.id}`,
    cells: [
      html`<a href="${address(view, { duty: isLogged(entry.duty) ? entry.duty : undefined, entry: entry.id })}">${ago(entry.startedAt, view.now)}</a>`,
      isLogged(entry.duty) ? DUTY_WORDS[entry.duty].label : clip(entry.duty, MAX_TEXT_CHARACTERS),
      sign(stateOf(entry)),
      html`<span class="clamp">${reportOf(entry).says}</span>`,
      html`<span class="clamp">${clip(entry.by, MAX_TEXT_CHARACTERS)}</span>`,
    ],
  }))
  return table('log', 'The newest first', LOG_COLUMNS, rows)
}
