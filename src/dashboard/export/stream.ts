/**
 * An export of sagas: read page by page as it is sent, never whole in memory, and no further than its limit. It ends when
 * whoever asked for it goes.
 */
import type { Context } from 'hono'
import type { Logger } from '../../engine/runtime/ports.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { SagaFilter } from '../../engine/store/conditions.ts'
import type { Page } from '../../engine/store/reading.ts'
import { type ExportedRow, type Format, WRITINGS } from './formats.ts'
import type { ExportPlaces } from './places.ts'

/** Sagas at most where nothing else is said, and the most that can be. */
export const DEFAULT_EXPORT = 10_000
export const MAX_EXPORT = 100_000

/** Read at once: what of an export is in memory. */
const PAGE = 500
/** Of a filter that no index serves in this order: looked at for one page. */
const LOOKS = 5_000

export type ExportOrder = {
  readonly client: SagaClient
  readonly filter: SagaFilter
  readonly format: Format
  readonly limit: number
  /** As it may be told: after the host's `redact`. */
  readonly shown: (saga: Page['sagas'][number]) => ExportedRow
  readonly logger: Logger
  readonly requestId: string
  readonly places: ExportPlaces
  /** Whose place it takes. */
  readonly actor: string
}

/**
 * The first page is read before anything is sent, so that what goes wrong at once is told by a status.
 *
 * @param c `HEAD` gets the headers alone.
 * @throws Refusal 429 where too many are under way.
 */
export async function exported(c: Pick<Context, 'req' | 'body' | 'header'>, order: ExportOrder): Promise<Response> {
  const { client, filter, format, limit } = order
  const { type } = WRITINGS[format]
  const leave = order.places.take(c, order.actor)
  const first = await client.list(filter, { limit: Math.min(PAGE, limit), looks: LOOKS }).catch((error: unknown) => {
    leave()
    throw error
  })
  const headers = {
    'Content-Type': type,
    'Content-Disposition': `attachment; filename="sagas.${format}"`,
    'X-Saga-Export-Limit': String(limit),
  }
  if (c.req.method === 'HEAD') {
    leave()
    return c.body(null, 200, headers)
  }
  const encoder = new TextEncoder()
  const pieces = piecesOf(order, first, c.req.raw.signal)
  const stream = new ReadableStream<Uint8Array>({
    // Asked for the next one when there is room for it: a slow reader is not run ahead of.
    async pull(controller) {
      try {
        let piece = await pieces.next()
        // Nothing to send is no reason to be asked again.
        while (piece.value === '') piece = await pieces.next()
        if (piece.done === true) {
          leave()
          controller.close()
        } else controller.enqueue(encoder.encode(piece.value))
      } catch (error) {
        leave()
        // The status is sent already: that the body breaks off is all that can be told.
        order.logger.error({ requestId: order.requestId, error }, 'An export broke off.')
        controller.error(new Error('The export broke off.'))
      }
    },
    async cancel() {
      leave()
      await pieces.return(undefined)
    },
  })
  return c.body(stream, 200, headers)
}

/** Beginning, a piece for each page, and the end, which says whether there are more. */
async function* piecesOf(order: ExportOrder, first: Page, signal: AbortSignal): AsyncGenerator<string, undefined> {
  const { client, filter, format, limit, shown } = order
  const writing = WRITINGS[format]
  yield writing.begin
  let page = first
  let sagas = 0
  for (;;) {
    const from = sagas
    yield page.sagas.map((saga, index) => writing.row(shown(saga), from + index)).join('')
    sagas += page.sagas.length
    const { cursor } = page
    if (cursor === undefined || sagas >= limit || signal.aborted) break
    page = await client.list(filter, { limit: Math.min(PAGE, limit - sagas), looks: LOOKS, cursor })
  }
  yield writing.end({ sagas, isCut: page.cursor !== undefined })
  return undefined
}
