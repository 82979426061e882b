/** One saga: its page, the items of its maps, its payloads, and all of it as a file. */
import { itemName } from '../../engine/core/blueprint.ts'
import type { SagaOutline } from '../../engine/excerpts.ts'
import { SILENT } from '../../engine/runtime/ports.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { Acting } from '../acts.ts'
import { type Ctx, isPartial, page, parsed, part } from '../answers.ts'
import { fileOfSaga } from '../copies/file-of-saga.ts'
import { linksFor } from '../links.ts'
import type { DashboardOptions } from '../options.ts'
import { aboutPayload, type Detail, sagaPage, sagaPart, titleOf } from '../pages/saga.ts'
import { dataPage, dataTitle, MAX_LOADED_CHARACTERS } from '../pages/saga-data.ts'
import { ITEMS_SHOWN, type Items, itemsPage } from '../pages/saga-items.ts'
import { writeExactly } from '../payload/exact.ts'
import { readDetail } from '../saga-detail.ts'
import { itemsQuery, type SagaQuery, sagaId, sagaQuery } from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'
import type { Shapes } from '../shapes.ts'
import { ACTION_NAMES, ACTION_WORDS, type ActionName } from '../words/actions.ts'

/** What a file may have. */
const MAX_FILE_CHARACTERS = 50 * 1024 * 1024

export type Sagas = Acting & { readonly shapes: Shapes; readonly options: DashboardOptions }

export async function showSaga(c: Ctx, sagas: Sagas): Promise<Response> {
  const { client, authorize, shapes, options } = sagas
  const view = c.get('view')
  const query = parsed(sagaQuery, c.req.query())
  const outline = await readable(c, sagas)
  const { id, definition } = outline.saga
  const refused = await Promise.all(
    ACTION_NAMES.map(async (name) => !(await may(authorize, view.actor, name, { sagaId: id, definition }))),
  )
  const before = query.journal === undefined ? undefined : Number(query.journal)
  const detail: Detail = {
    ...(await readDetail(client, shapes, outline, before)),
    mayNot: new Set<ActionName>(ACTION_NAMES.filter((_name, index) => refused[index])),
    links: linksFor(options.links, outline, options.logger ?? SILENT),
  }
  if (isPartial(c)) return part(c, sagaPart(view, detail, query))
  return page(c, { title: titleOf(outline.saga), body: sagaPage(view, detail, query), notice: noticeOf(query) })
}

export async function showItems(c: Ctx, sagas: Sagas): Promise<Response> {
  const { from: first } = parsed(itemsQuery, c.req.query())
  const { saga } = await readable(c, sagas)
  const map = c.req.param('map') ?? ''
  const items = saga.state.steps[map]?.items
  if (items === undefined) throw new Refusal(404, 'No such map', 'There is no map of this name whose items are known.')
  const from = Math.min(Number(first ?? 0), items.count)
  const indexes = Array.from({ length: Math.min(ITEMS_SHOWN, items.count - from) }, (_, at) => from + at)
  const names = indexes.map((index) => itemName(map, index))
  const results = await sagas.client.excerpts.results(saga.id, names)
  const shown: Items = {
    map,
    from,
    count: items.count,
    items: indexes.map((index, at) => ({
      index,
      step: saga.state.steps[names[at] ?? ''],
      result: results.get(names[at] ?? ''),
    })),
  }
  return page(c, { title: `Items of ${map}`, body: itemsPage(c.get('view'), saga, shown) })
}

export async function showData(c: Ctx, sagas: Sagas): Promise<Response> {
  const { saga } = await readable(c, sagas)
  const payload = await payloadOf(c, sagas.client, saga.id, MAX_LOADED_CHARACTERS)
  return page(c, {
    title: `${dataTitle(payload)}: ${titleOf(saga)}`,
    body: dataPage(c.get('view'), saga, payload),
  })
}

export async function sendData(c: Ctx, sagas: Sagas): Promise<Response> {
  const view = c.get('view')
  const { saga } = await readable(c, sagas)
  const payload = await payloadOf(c, sagas.client, saga.id, MAX_FILE_CHARACTERS)
  if (payload.text === undefined) throw new Refusal(409, 'Not readable', 'This payload cannot be read here.')
  if (!payload.isWhole) {
    throw new Refusal(413, 'Too large', 'This payload is too large for a download. Ask the database for it.')
  }
  const shown = view.redaction.payload(payload.text, aboutPayload(saga.id, saga.definition, payload))
  return sendFile(c, `saga-${saga.id}-event-${payload.sequence}.json`, writeExactly(shown))
}

export async function sendExport(c: Ctx, sagas: Sagas): Promise<Response> {
  const view = c.get('view')
  const outline = await readable(c, sagas)
  const text = await fileOfSaga(sagas.client, view.redaction, outline, new Date(view.now))
  return sendFile(c, `saga-${outline.saga.definition}-${outline.saga.id}.json`, text)
}

/** As a file, whatever a browser would make of its content otherwise. */
export function sendFile(c: Ctx, name: string, text: string): Response {
  c.header('Content-Disposition', `attachment; filename="${name.replaceAll(/[^\w.-]/g, '_').slice(0, 150)}"`)
  c.header('Content-Type', 'application/json; charset=utf-8')
  return c.body(`${text}\n`)
}

/** @throws Refusal 404; 403 for those who may not read it. */
export async function readable(c: Ctx, { client, authorize }: Acting): Promise<SagaOutline> {
  const id = sagaId.safeParse(c.req.param('id'))
  const outline = id.success ? await client.excerpts.outline(id.data) : undefined
  if (outline === undefined) {
    throw new Refusal(
      404,
      'No such saga',
      'There is no saga with this id. It may have been deleted since, when it was old.',
    )
  }
  const { saga } = outline
  await demandRight(authorize, c.get('view').actor, 'read', { sagaId: saga.id, definition: saga.definition })
  return outline
}

async function payloadOf(c: Ctx, client: SagaClient, id: string, maxCharacters: number) {
  const text = c.req.param('sequence') ?? ''
  const [payload] = /^[1-9]\d{0,8}$/.test(text) ? await client.excerpts.payloads(id, [Number(text)], maxCharacters) : []
  if (payload !== undefined) return payload
  throw new Refusal(404, 'No such data', 'There is no event of this number that has data.')
}

function noticeOf({ done, again }: SagaQuery): string {
  if (done === undefined) return ''
  return again === 'yes' ? 'That was done already, by the same click.' : ACTION_WORDS[done].done
}
