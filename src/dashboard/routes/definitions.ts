/** Definitions: all of them, and one. */
import type { Acting } from '../acts.ts'
import { type Ctx, page, parsed } from '../answers.ts'
import { type DefinitionDetail, definitionPage } from '../pages/definition.ts'
import { COUNTED, definitionsPage } from '../pages/definitions.ts'
import { type DefinitionQuery, definitionQuery } from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'

export async function showDefinitions(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  await demandRight(authorize, view.actor, 'read', {})
  const definitions = await client.system.definitions({ cap: COUNTED })
  return page(c, { title: 'Definitions', body: definitionsPage(view, definitions, await client.operator.holds()) })
}

export async function showDefinition(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(definitionQuery, c.req.query())
  const name = c.req.param('name') ?? ''
  await demandRight(authorize, view.actor, 'read', { definition: name })
  const [definition] = await client.system.definitions({ name, cap: COUNTED })
  const shown =
    query.version === undefined
      ? definition?.versions[0]
      : definition?.versions.find(({ version }) => version === Number(query.version))
  if (definition === undefined || shown === undefined) throw noSuchDefinition()
  const detail: DefinitionDetail = {
    definition,
    shown,
    holds: (await client.operator.holds()).filter((hold) => hold.definition === name),
    mayHold: await may(authorize, view.actor, 'hold', { definition: name }),
    mayRelease: await may(authorize, view.actor, 'release', { definition: name }),
  }
  return page(c, { title: name, body: definitionPage(view, detail), notice: noticeOf(query) })
}

export function noSuchDefinition(): Refusal {
  return new Refusal(
    404,
    'No such definition',
    'No worker has told of such a definition, and there are no sagas of it.',
  )
}

function noticeOf({ done }: DefinitionQuery): string {
  if (done === undefined) return ''
  return done === 'held' ? 'Held. What comes to it waits.' : 'Released. What has waited goes on.'
}
