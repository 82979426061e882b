/** Sagas: the list, how many there are, one of them, its payloads and its journal. */
import { z } from 'zod'
import type { Target } from '../../engine/access.ts'
import type { SagaOutline } from '../../engine/excerpts.ts'
import { filterFromText } from '../../engine/filter-text.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import type { SagaFilter } from '../../engine/store/conditions.ts'
import type { SagaSummary } from '../../engine/store/reading.ts'
import { readOutline, readSaga } from '../acts.ts'
import { exportQuery } from '../export/query.ts'
import { exported } from '../export/stream.ts'
import { inputIn } from '../saga-detail.ts'
import { entryShown, payloadsShown, sagaShown, summaryShown } from './redacting.ts'
import { type Route, route } from './route.ts'
import { filterWords, MAX_PAGE, number, pageQuery } from './shapes/parts.ts'
import { countsAnswer, exportAnswer, journalPage, payloads, saga, sagaPage } from './shapes/sagas.ts'

const DEFAULT_PAGE = 50
/** As the pages look: see `list` of the client. */
const LOOKS = 1_000
const COUNTED = 10_001
const MOST_COUNTED = 100_001

/** @throws SagaError `FILTER_INVALID`, naming the word. */
export function filterFrom(words: { readonly [word: string]: string | undefined }): SagaFilter {
  return filterFromText(Object.entries(words).filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** Without a definition it is about all sagas. */
export function targetOf({ definition }: SagaFilter): Target {
  return definition === undefined ? {} : { definition }
}

const list = route({
  path: '/sagas',
  name: 'listSagas',
  tag: 'sagas',
  summary: 'Sagas, the newest first, in pages.',
  right: 'read',
  query: z.strictObject({ ...pageQuery, ...filterWords }),
  answer: sagaPage,
  find: ({ query: { limit = DEFAULT_PAGE, cursor, ...words } }) => ({ limit, cursor, filter: filterFrom(words) }),
  rights: ({ filter }) => [{ action: 'read', target: targetOf(filter) }],
  perform: async ({ parts }, { limit, cursor, filter }) => {
    const order = { limit, looks: LOOKS, ...(cursor === undefined ? {} : { cursor }) }
    const { sagas, cursor: next, endedEarly } = await parts.client.list(filter, order)
    return { sagas: sagas.map((one) => summaryShown(parts.redaction, one)), cursor: next, endedEarly }
  },
})

const counts = route({
  path: '/counts',
  name: 'countSagas',
  tag: 'sagas',
  summary: 'Sagas by state, each counted up to a cap.',
  right: 'read',
  query: z.strictObject({ cap: number(1, MOST_COUNTED).optional().describe('10001 by default.'), ...filterWords }),
  answer: countsAnswer,
  find: ({ query: { cap = COUNTED, ...words } }) => ({ cap, filter: filterFrom(words) }),
  rights: ({ filter }) => [{ action: 'read', target: targetOf(filter) }],
  perform: async ({ parts }, { cap, filter }) => ({ cap, counts: await parts.client.count(filter, { cap }) }),
})

const one = {
  tag: 'sagas',
  right: 'read',
  refuses: [404],
  find: ({ parts, params }: Parameters<Parameters<typeof route<SagaView>>[0]['find']>[0]) =>
    readSaga(parts.client, params['id']),
  rights: ({ id, definition }: SagaView) => [{ action: 'read', target: { sagaId: id, definition } }] as const,
}

const get = route<SagaView>({
  ...one,
  path: '/sagas/:id',
  name: 'getSaga',
  summary: 'One saga with its steps; without payloads.',
  answer: saga,
  perform: ({ parts }, found) => sagaShown(parts.redaction, found),
})

const data = route<SagaOutline>({
  path: '/sagas/:id/payloads',
  name: 'getPayloads',
  tag: 'sagas',
  summary: 'The input as it was last edited, and the results of steps; those of items of maps are in the journal.',
  right: 'read',
  answer: payloads,
  refuses: [404],
  find: ({ parts, params }) => readOutline(parts.client, params['id']),
  rights: ({ saga: found }) => one.rights(found),
  perform: async ({ parts }, { saga: found, lines }) => {
    const { id, erased, steps } = found
    const byStep = await parts.client.excerpts.results(
      id,
      steps.map(({ name }) => name),
    )
    const input = inputIn(lines)
    const shown = await payloadsShown(parts, found, [input, ...byStep.values()])
    const results = [...byStep].flatMap(([step, sequence]) => {
      const result = shown.get(sequence)
      return result === undefined ? [] : [[step, result] as const]
    })
    const none = erased ? { unreadable: 'PAYLOAD_ERASED' } : { value: null }
    return { sagaId: id, erased, input: shown.get(input) ?? none, results: Object.fromEntries(results) }
  },
})

const journalQuery = z.strictObject({
  after: number(0, 999_999_999).optional().describe('From behind this sequence on.'),
  limit: number(1, MAX_PAGE).optional().describe(`Entries at most, up to ${MAX_PAGE}. 100 by default.`),
})

const journal = route<SagaOutline, typeof journalQuery>({
  path: '/sagas/:id/journal',
  name: 'getJournal',
  tag: 'sagas',
  summary: 'What happened to a saga, in order, in pages.',
  right: 'read',
  query: journalQuery,
  answer: journalPage,
  refuses: [404],
  find: ({ parts, params }) => readOutline(parts.client, params['id']),
  rights: ({ saga: found }) => one.rights(found),
  perform: async ({ parts, query: { after = 0, limit = 100 } }, { saga: found, events }) => {
    // Sequences have no gaps: the newest so many before the end of the page are all of the page.
    const last = after + limit
    const newest = await parts.client.excerpts.journal(found.id, { before: last + 1, limit })
    const lines = newest.filter(({ sequence }) => sequence > after)
    const withPayload = lines.filter(({ hasPayload }) => hasPayload).map(({ sequence }) => sequence)
    const shown = await payloadsShown(parts, found, withPayload)
    const entries = lines.map((line) => entryShown(parts.redaction, found, line, shown.get(line.sequence)))
    return { entries, next: last < events ? last : undefined }
  },
})

const exporting = route({
  path: '/sagas/export',
  name: 'exportSagas',
  tag: 'sagas',
  summary: 'Sagas as a file, streamed, the newest first: CSV, NDJSON or JSON. It says at its end when it was cut.',
  right: 'read',
  query: exportQuery,
  answer: exportAnswer,
  alsoAnswers: ['text/csv', 'application/x-ndjson'],
  find: ({ query: { format, limit, ...words } }) => ({ format, limit, filter: filterFrom(words) }),
  rights: ({ filter }) => [{ action: 'read', target: targetOf(filter) }],
  perform: ({ parts: { client, redaction, logger, places }, actor }, order, c) => {
    const shown = (one: SagaSummary) => summaryShown(redaction, one)
    return exported(c, { client, ...order, shown, logger, requestId: c.get('requestId'), places, actor: actor.id })
  },
})

export const SAGA_ROUTES: readonly Route[] = [list, counts, exporting, get, data, journal]
