/** Error groups: all of them, and one. */
import type { Acting } from '../acts.ts'
import { type Ctx, isPartial, page, parsed, part } from '../answers.ts'
import { GROUP_SAGAS, type GroupDetail, groupPage, groupPart, groupTitle } from '../pages/error-group.ts'
import { errorsPage, errorsPart, GROUP_CAP } from '../pages/errors.ts'
import { errorsQuery, groupQuery } from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'
import type { StepNames } from '../step-names.ts'

export async function showErrors(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(errorsQuery, c.req.query())
  const of = query.definition === undefined ? {} : { definition: query.definition }
  await demandRight(authorize, view.actor, 'read', of)
  const groups = await client.errorGroups(of, { cap: GROUP_CAP })
  if (isPartial(c)) return part(c, errorsPart(view, groups, query))
  return page(c, { title: 'Errors', body: errorsPage(view, groups, query) })
}

export async function showGroup(c: Ctx, { client, authorize }: Acting, names: StepNames): Promise<Response> {
  const view = c.get('view')
  const { live } = parsed(groupQuery, c.req.query())
  const id = c.req.param('group') ?? ''
  const [group] = /^[\w:.-]{1,100}$/.test(id)
    ? await client.errorGroups({ errorGroup: id }, { cap: GROUP_CAP, limit: 1 })
    : []
  if (group === undefined) {
    // Whoever sees the page of a group that is worked off is told so, and not that something is wrong.
    throw new Refusal(404, 'Nothing left in this group', 'No saga is a dead letter for this error now.')
  }
  const { definition, step } = group
  await demandRight(authorize, view.actor, 'read', { definition })
  const { sagas } = await client.list({ errorGroup: id }, { limit: GROUP_SAGAS })
  await names.learn(sagas)
  const holds = (await client.operator.holds()).filter(
    (hold) =>
      hold.definition === definition &&
      hold.release === null &&
      (hold.step === null || step === null || (hold.names ?? [hold.step]).includes(step)),
  )
  const detail: GroupDetail = {
    group,
    sagas,
    holds,
    mayOperate: await may(authorize, view.actor, 'start_operation', { definition }),
    mayHold: await may(authorize, view.actor, 'hold', { definition }),
  }
  if (isPartial(c)) return part(c, groupPart(view, detail, names, live === 'off'))
  return page(c, { title: groupTitle(group), body: groupPage(view, detail, names, live === 'off') })
}
