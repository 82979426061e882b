/** The workers: which live, with which code, and what they have in hand. */
import type { WorkerView } from '../../engine/store/worker-views.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { clip, count, html, type Markup, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago } from '../partials/time.ts'
import type { SystemQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import type { Sign } from '../words/states.ts'

const MAX_TEXT_CHARACTERS = 120

const COLUMNS = [
  { label: 'State', kind: 'short' },
  { label: 'Host and process', kind: 'head' },
  { label: 'Build' },
  { label: 'Definitions', kind: 'wide' },
  { label: 'Jobs in hand', kind: 'number' },
  { label: 'Last sign of life', kind: 'short' },
  { label: 'Started', kind: 'short' },
] as const

const ALIVE: Sign = { word: 'Alive', icon: 'check', tone: 'good' }
const GONE: Sign = { word: 'Gone', icon: 'alert', tone: 'bad' }

export function workersPage(view: View, workers: readonly WorkerView[], query: SystemQuery): Markup {
  const to = (updates: 'off' | undefined) => url(view.base, '/workers', { live: updates })
  return html`<div class="heading"><h1>Workers</h1>${liveSwitch(query.live === 'off', to)}</div>
${workersPart(view, workers, query)}`
}

export function workersPart(view: View, workers: readonly WorkerView[], query: SystemQuery): Markup {
  const alive = workers.filter(({ isAlive }) => isAlive).length
  const jobs = workers.reduce((sum, { claimedJobs }) => sum + claimedJobs, 0)
  const says = `${alive === 0 ? 'No worker lives' : `${count(alive, 'worker')} ${alive === 1 ? 'lives' : 'live'}`}, with ${count(jobs, 'job')} in hand.`
  const body =
    workers.length === 0 ? nobody() : html`<p class="lead">${says}</p>${workerTable(view, workers)}${remarks(workers)}`
  return live(view, query.live === 'off' ? undefined : url(view.base, '/workers'), says, body)
}

function nobody(): Markup {
  return html`<section class="empty"><h2>No worker lives</h2>
<p>A worker is a process in which an engine was started: <code>createSagaEngine({ … })</code>, then <code>engine.start()</code>, or <code>pg-saga worker</code>. Those that have stopped are not listed. Sagas that are started meanwhile wait for one.</p></section>`
}

function workerTable(view: View, workers: readonly WorkerView[]): Markup {
  const rows = workers.map((worker) => ({
    id: `worker-${worker.id}`,
    cells: [
      sign(worker.isAlive ? ALIVE : GONE),
      html`<span class="name">${clip(worker.host, MAX_TEXT_CHARACTERS)}</span> <span class="muted nowrap">pid ${worker.pid}</span>`,
      worker.build === null ? undefined : html`<code>${clip(worker.build, MAX_TEXT_CHARACTERS)}</code>`,
      definitions(view, worker.definitions),
      worker.claimedJobs,
      ago(worker.heartbeatAt, view.now),
      ago(worker.startedAt, view.now),
    ],
  }))
  return table('workers', 'Workers, those that live first', COLUMNS, rows)
}

/** As links to their sagas; `name@version` each. */
function definitions({ base }: View, names: readonly string[]): Markup | undefined {
  if (names.length === 0) return undefined
  return html`<ul class="tags">${names.map((name) => {
    const [definition = name, version] = name.split('@')
    return html`<li><a class="tag" href="${url(base, '/sagas', { definition })}">${definition}${version === undefined ? '' : ` v${version}`}</a></li>`
  })}</ul>`
}

function remarks(workers: readonly WorkerView[]): Markup {
  const gone = workers.some(({ isAlive, claimedJobs }) => !isAlive && claimedJobs > 0)
  const lockless = workers.some(({ isAlive, holdsLock }) => isAlive && !holdsLock)
  return html`${when(gone, () => html`<p class="note">What a worker that is gone has in hand is taken over by one that lives, within seconds. Where it stays, none does.</p>`)}
${when(lockless, () => html`<p class="note">Some workers connect through a pooler that shares sessions out: when they die, it is noticed by their signs of life, after half a minute.</p>`)}`
}
