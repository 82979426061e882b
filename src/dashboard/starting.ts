/**
 * Before an operation is started, by a page or by a program: what it would do now, whose rights it takes, and what is not any
 * more as it was seen.
 */
import type { Target } from '../engine/access.ts'
import type { Operation, OperationOrder } from '../engine/operation-order.ts'
import type { OperationPreview } from '../engine/operation-preview.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import type { SagaFilter } from '../engine/store/conditions.ts'
import type { OperationVerb } from '../engine/store/operations.ts'
import type { Right } from './change.ts'

/** Looking through more sagas than that takes longer than a person waits for a page. */
const LOOKED_AT = 2_000
const LATEST = 50

export type Looked = {
  readonly preview: OperationPreview
  /** Operations over the same sagas that have not ended. */
  readonly others: readonly Operation[]
}

export async function lookAtAll(client: SagaClient, order: OperationOrder): Promise<Looked> {
  const preview = await client.operations.preview(order, { cap: LOOKED_AT })
  return { preview, others: await underWay(client, order.filter) }
}

/** The right to start operations, and that to the verb itself. */
export function rightsToStart(verb: OperationVerb, past: boolean, target: Target): readonly Right[] {
  const pastPivot = past ? { pastPivot: true } : {}
  return [
    { action: 'start_operation', target: { verb, ...target, ...pastPivot } },
    { action: past ? 'compensate_past_pivot' : verb, target },
  ]
}

export function orderFor(
  verb: OperationVerb,
  filter: SagaFilter,
  pastPivot: boolean,
  as: 'completed' | 'compensated' | undefined,
): OperationOrder {
  if (verb === 'resolve') return { verb, filter, as: as ?? 'completed' }
  if (verb === 'compensate') return { verb, filter, ...(pastPivot ? { pastPivot } : {}) }
  return { verb, filter }
}

/** The same request, come twice. */
export async function startedBy(client: SagaClient, requestId: string, actor: string): Promise<Operation | undefined> {
  const { operations } = await client.operations.list({}, { limit: LATEST })
  return operations.find(({ log }) => log[0]?.requestId === requestId && log[0].actor === actor)
}

/**
 * What is not any more as it was seen; that there are more sagas now is no reason, for those are not taken.
 *
 * @param seen `others`: ids.
 */
export function changesIn(
  seen: { readonly fitting: number; readonly others: readonly string[] },
  { preview, others }: Looked,
): readonly string[] {
  const begun = others
    .filter(({ id }) => !seen.others.includes(id))
    .map(({ actor, verb, reason }) => `${actor} has started to ${verb} these sagas: ${reason}`)
  const fewer =
    preview.fitting < seen.fitting
      ? [`${seen.fitting} of them would have taken this when you looked, and ${preview.fitting} would now.`]
      : []
  return [...begun, ...fewer]
}

async function underWay(client: SagaClient, filter: SagaFilter): Promise<readonly Operation[]> {
  const open = await Promise.all(
    (['running', 'paused'] as const).map((state) => client.operations.list({ state }, { limit: LATEST })),
  )
  const wanted = canonical(filter)
  return open.flatMap(({ operations }) => operations).filter((operation) => canonical(operation.filter) === wanted)
}

function canonical(filter: SagaFilter): string {
  return JSON.stringify(Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
