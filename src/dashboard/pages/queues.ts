/** The queues that the engine writes to: how many jobs wait in each, and for how long. */
import type { QueueView } from '../../engine/system.ts'
import { digits } from '../charts/scale.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { html, type Markup, url } from '../partials/markup.ts'
import { table } from '../partials/table.ts'
import { age } from '../partials/time.ts'
import type { SystemQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'

/** Counts stop there. */
const COUNTED = 10_000

const COLUMNS = [
  { label: 'Queue', kind: 'head' },
  { label: 'What for', kind: 'wide' },
  { label: 'Waiting', kind: 'number' },
  { label: 'Later', kind: 'number' },
  { label: 'Oldest waits for', kind: 'short' },
] as const

const PURPOSE_WORDS: Readonly<Record<QueueView['purpose'], string>> = {
  steps: 'Every action, compensation and hook. Workers take them, the highest priority first.',
  lost: 'What pg-boss gave up on: workers turn it into lost attempts.',
  schedules: 'Sagas that are due by the clock.',
  maintenance: 'Duties that are due.',
  dead_letters: 'A job beside each dead letter, for other tools to watch. The engine takes none of them.',
  events: 'Events that your own program is told of, and takes.',
}

export function queuesPage(view: View, queues: readonly QueueView[], query: SystemQuery): Markup {
  const to = (updates: 'off' | undefined) => url(view.base, '/queues', { live: updates })
  return html`<div class="heading"><h1>Queues</h1>${liveSwitch(query.live === 'off', to)}</div>
${queuesPart(view, queues, query)}`
}

export function queuesPart(view: View, queues: readonly QueueView[], query: SystemQuery): Markup {
  const rows = queues.map(({ name, purpose, waiting, later, oldestMs }) => ({
    id: `queue-${name}`,
    cells: [
      html`<span class="name">${name}</span>`,
      PURPOSE_WORDS[purpose],
      capped(waiting),
      capped(later),
      oldestMs === null ? undefined : age(oldestMs),
    ],
  }))
  const steps = queues.find(({ purpose }) => purpose === 'steps')
  const says = steps === undefined ? '' : lead(steps)
  const body = html`<p class="lead">${says}</p>${table('queues', 'Queues of pg-boss that the engine writes to', COLUMNS, rows)}
<p class="note">Counts stop at ${digits(COUNTED)}. Jobs that a worker has in hand are not in them: they stand under <a href="${url(view.base, '/workers')}">Workers</a>. What waits for a moment, a hold or its line is no job.</p>`
  return live(view, query.live === 'off' ? undefined : url(view.base, '/queues'), says, body)
}

function lead({ waiting, oldestMs }: QueueView): string {
  if (oldestMs === null) return 'No step waits for a worker.'
  const steps = waiting === 1 ? 'step waits' : 'steps wait'
  return `${capped(waiting)} ${steps} for a worker, the oldest for ${age(oldestMs)}.`
}

function capped(number: number): string {
  return number > COUNTED ? `${digits(COUNTED)}+` : digits(number)
}
