/** What there is beside sagas: what needs somebody, figures, workers, queues, schedules, maintenance; and who asks. */
import { ACTIONS } from '../../engine/access.ts'
import { DUTIES, type Duty } from '../../engine/duties.ts'
import { readFacts } from '../facts.ts'
import { url } from '../partials/markup.ts'
import { may } from '../security/rights.ts'
import { concernsOf } from '../words/concerns.ts'
import { DUTY_WORDS } from '../words/duties.ts'
import { type Route, route } from './route.ts'
import {
  attention,
  dutyAnswer,
  dutyBody,
  logQuery,
  maintenanceLog,
  me,
  meQuery,
  overview,
  queues,
  schedules,
  statistics,
  statisticsQuery,
  workers,
} from './shapes/system.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const DEFAULT_ENTRIES = 50

const read = {
  tag: 'system',
  right: 'read',
  find: () => undefined,
  rights: () => [{ action: 'read', target: {} }] as const,
}

const showOverview = route({
  ...read,
  path: '/overview',
  name: 'getOverview',
  summary: 'What needs somebody, each in a sentence with the page to look at.',
  answer: overview,
  perform: async ({ parts }) => {
    const facts = await readFacts(parts.client, parts.redaction)
    const concerns = concernsOf(facts, Date.now()).map(({ sign, says, link }) => {
      return { about: sign.word, tone: sign.tone, says, page: url('', link.path, link.query) }
    })
    return { concerns, attention: facts.attention }
  },
})

const showAttention = route({
  ...read,
  path: '/attention',
  name: 'getAttention',
  summary: 'What of all sagas may need somebody, counted.',
  answer: attention,
  perform: ({ parts }) => parts.client.system.attention(),
})

const showStatistics = route({
  path: '/statistics',
  name: 'getStatistics',
  tag: 'system',
  summary: 'What became of sagas, hour by hour; hours in which nothing happened are left out.',
  right: 'read',
  query: statisticsQuery,
  answer: statistics,
  find: ({ query }) => query,
  rights: ({ definition }) => [{ action: 'read', target: definition === undefined ? {} : { definition } }],
  perform: async ({ parts }, { definition, ...range }) => {
    const to = range.to === undefined ? new Date() : new Date(range.to)
    const from = range.from === undefined ? new Date(to.getTime() - DAY_MS) : new Date(range.from)
    const of = definition === undefined ? {} : { definition }
    return { from, to, hours: await parts.client.system.statistics({ from, to, ...of }) }
  },
})

const showWorkers = route({
  ...read,
  path: '/workers',
  name: 'listWorkers',
  summary: 'Workers, those that live first.',
  answer: workers,
  perform: async ({ parts }) => ({ workers: await parts.client.system.workers() }),
})

const showQueues = route({
  ...read,
  path: '/queues',
  name: 'listQueues',
  summary: 'The queues that the engine writes to: how many jobs wait in each, and since when.',
  answer: queues,
  perform: async ({ parts }) => ({ queues: await parts.client.system.queues() }),
})

const showSchedules = route({
  ...read,
  path: '/schedules',
  name: 'listSchedules',
  summary: 'What is done by the clock: sagas that are started, and maintenance.',
  answer: schedules,
  perform: async ({ parts }) => ({ schedules: await parts.client.system.schedules() }),
})

const showLog = route({
  path: '/maintenance',
  name: 'listMaintenance',
  tag: 'maintenance',
  summary: 'What maintenance has done, the newest first.',
  right: 'read',
  query: logQuery,
  answer: maintenanceLog,
  find: ({ query }) => query,
  rights: () => [{ action: 'read', target: {} }],
  perform: async ({ parts }, { duty, limit = DEFAULT_ENTRIES }) => {
    const entries = await parts.client.maintenance.log({ limit, ...(duty === undefined ? {} : { duty }) })
    return { entries: entries.map((entry) => parts.redaction.maintenance(entry)) }
  },
})

const maintain = (duty: Duty): Route =>
  route({
    path: `/maintenance/${duty}`,
    name: `maintain${DUTY_WORDS[duty].label.replace(/\W/g, '')}`,
    tag: 'maintenance',
    summary: DUTY_WORDS[duty].does,
    right: 'maintain',
    body: dutyBody,
    answer: dutyAnswer,
    refuses: [409],
    find: () => undefined,
    rights: () => [{ action: 'maintain', target: {} }],
    perform: async ({ parts, actor, body: { dryRun } }) => {
      const entry = await parts.duties.order(duty, { actor: actor.id, dryRun })
      return { duty, entry: entry === undefined ? null : parts.redaction.maintenance(entry) }
    },
  })

/** Asks for no right: everybody who comes in may know what they may. */
const showMe = route({
  path: '/me',
  name: 'getMe',
  tag: 'system',
  summary: 'Who you are, and what you may do.',
  right: 'none',
  query: meQuery,
  answer: me,
  find: ({ query }) => query,
  rights: () => [],
  perform: async ({ parts, actor }, { definition }) => {
    const target = definition === undefined ? {} : { definition }
    const rights = await Promise.all(
      ACTIONS.map(async (action) => [action, await may(parts.authorize, actor, action, target)] as const),
    )
    const { id, name = null, role = null } = actor
    return { actor: { id, name, role }, rights: Object.fromEntries(rights) }
  },
})

export const SYSTEM_ROUTES: readonly Route[] = [
  showMe,
  showOverview,
  showAttention,
  showStatistics,
  showWorkers,
  showQueues,
  showSchedules,
  showLog,
  ...DUTIES.map(maintain),
]
