/** `/sagas/export`: what a list holds as a file, for whoever may read it. */

import { filterFromText } from '../../engine/filter-text.ts'
import type { Acting } from '../acts.ts'
import { type Ctx, parsed } from '../answers.ts'
import { summaryShown } from '../api/redacting.ts'
import { demandRight } from '../security/rights.ts'
import type { ExportPlaces } from './places.ts'
import { exportQuery } from './query.ts'
import { exported } from './stream.ts'

export async function exportSagas(
  c: Ctx,
  { client, authorize, logger }: Acting,
  places: ExportPlaces,
): Promise<Response> {
  const { actor, redaction, requestId } = c.get('view')
  const { format, limit, ...words } = parsed(exportQuery, c.req.query())
  const filter = filterFromText(Object.entries(words).filter((pair): pair is [string, string] => pair[1] !== undefined))
  await demandRight(authorize, actor, 'read', filter.definition === undefined ? {} : { definition: filter.definition })
  const shown = (saga: Parameters<typeof summaryShown>[1]) => summaryShown(redaction, saga)
  return exported(c, { client, filter, format, limit, shown, logger, requestId, places, actor: actor.id })
}
