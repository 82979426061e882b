/** Error groups: all of them, and one. */
import { randomUUID } from 'node:crypto'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { Acting } from '../acts.ts'
import { type Ctx, isPartial, page, parsed, part } from '../answers.ts'
import { GROUP_SAGAS, type GroupDetail, gonePage, groupPage, groupPart, groupTitle } from '../pages/error-group.ts'
import { type Errors, errorsPage, errorsPart, GROUP_CAP } from '../pages/errors.ts'
import type { TriageDetail } from '../partials/triage.ts'
import type { Redaction } from '../redaction.ts'
import { type ErrorsQuery, errorsQuery, groupQuery } from '../security/parameters.ts'
import { demandRight, may } from '../security/rights.ts'
import type { StepNames } from '../step-names.ts'
import { nothingLeft, readTriaged, triageTarget } from './triage.ts'

const MAX_GROUPS = 500
const GONE_SHOWN = 50
const HISTORY_SHOWN = 10

export async function showErrors(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(errorsQuery, c.req.query())
  await demandRight(
    authorize,
    view.actor,
    'read',
    query.definition === undefined ? {} : { definition: query.definition },
  )
  const errors = await readErrors(client, view.redaction, query)
  if (isPartial(c)) return part(c, errorsPart(view, errors, query))
  return page(c, { title: 'Errors', body: errorsPage(view, errors, query) })
}

async function readErrors(
  client: SagaClient,
  redaction: Redaction,
  { definition, state = 'open' }: ErrorsQuery,
): Promise<Errors> {
  const ofDefinition = definition === undefined ? {} : { definition }
  const groups = await client.errorGroups(ofDefinition, {
    cap: GROUP_CAP,
    limit: MAX_GROUPS,
  })
  return {
    groups: groups.map((group) => redaction.group(group)),
    hours: groups.length === 0 ? [] : await client.system.deadLettersByHour(),
    gone: state === 'open' ? [] : await client.goneGroups(state, { limit: GONE_SHOWN, ...ofDefinition }),
  }
}

export async function showGroup(c: Ctx, { client, authorize }: Acting, names: StepNames): Promise<Response> {
  const view = c.get('view')
  const { live, done } = parsed(groupQuery, c.req.query())
  const of = await readTriaged(client, view.redaction, c.req.param('group'))
  const { errorGroup, group, definition, step } = of
  await demandRight(authorize, view.actor, 'read', { definition })
  const triageDetail: TriageDetail = {
    errorGroup,
    triage: of.triage,
    history: (await client.audit.list({ errorGroup }, { limit: HISTORY_SHOWN })).entries,
    mayTriage: await may(authorize, view.actor, 'triage', triageTarget(of)),
  }
  const notice = done === undefined ? '' : done === 'noted' ? 'The note is kept.' : 'That is how it stands from now on.'
  if (group === undefined) {
    // What keeps itself up to date is told that it has come to its end.
    if (isPartial(c)) throw nothingLeft()
    return page(c, { title: 'Nothing left in this group', body: gonePage(view, triageDetail, randomUUID()), notice })
  }
  const { sagas } = await client.list({ errorGroup }, { limit: GROUP_SAGAS })
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
    triage: triageDetail,
    mayOperate: await may(authorize, view.actor, 'start_operation', { definition }),
    mayHold: await may(authorize, view.actor, 'hold', { definition }),
  }
  if (isPartial(c)) return part(c, groupPart(view, detail, names, live === 'off'))
  const body = groupPage(view, detail, names, live === 'off', randomUUID())
  return page(c, { title: groupTitle(group), body, notice })
}
