/** What an operation would do, made by the functions that decide: it cannot promise something else. */
import { decide } from './core/decide.ts'
import type { Act } from './core/events.ts'
import type { Ignored, Order } from './core/input.ts'
import type { Status } from './core/machine.ts'
import type { Operator, OperatorOptions, ShownPlan } from './operator.ts'
import type { SagaFilter } from './store/conditions.ts'
import { holdsFor, readNowAndHolds } from './store/holds.ts'
import type { OperationVerb, VerbOptions } from './store/operations.ts'
import { pageOfSagas, type SagaRow } from './store/sagas.ts'

export type OperationPreview = {
  /** Sagas that the filter gives now, up to the cap. */
  readonly count: number
  /** There are more than that. */
  readonly more: boolean
  /** Of those, how many would take the verb. */
  readonly fitting: number
  /** The others, by their status and by why the verb does not fit them; the most frequent first. */
  readonly refused: readonly { readonly status: Status; readonly reason: RefusalReason; readonly count: number }[]
  /** Up to five of those that would take it, the oldest; with their plans, where the verb has one. */
  readonly sample: readonly { readonly sagaId: string; readonly status: Status; readonly plan: ShownPlan | null }[]
}

/** `blueprint_unknown`: the saga's blueprint is not stored. */
export type RefusalReason = Ignored['reason'] | 'blueprint_unknown'

const PAGE = 500
const SAMPLE = 5

type Checked = { readonly verb: OperationVerb; readonly options: VerbOptions; readonly filter: SagaFilter }

export async function previewOf(
  options: OperatorOptions,
  operator: Operator,
  order: Checked,
  cap: number,
): Promise<OperationPreview> {
  const { applier, db } = options
  const refusals = new Map<string, { status: Status; reason: RefusalReason; count: number }>()
  const fitting: SagaRow[] = []
  let [count, fits, more, after] = [0, 0, false, undefined as string | undefined]
  for (;;) {
    const rows = await pageOfSagas(db, applier.schema, order.filter, after, Math.min(PAGE, cap - count + 1))
    const looked = rows.slice(0, cap - count)
    more = rows.length > looked.length
    for (const { row, reason } of await refusalsOf(options, order, looked)) {
      if (reason === undefined) {
        fits += 1
        if (fitting.length < SAMPLE) fitting.push(row)
        continue
      }
      const key = `${row.state.status} ${reason}`
      const known = refusals.get(key)
      if (known === undefined) refusals.set(key, { status: row.state.status, reason, count: 1 })
      else known.count += 1
    }
    count += looked.length
    after = rows.at(-1)?.id
    if (more || rows.length < PAGE || after === undefined) break
  }
  const refused = [...refusals.values()].sort((one, other) => other.count - one.count)
  return { count, more, fitting: fits, refused, sample: await sampleOf(operator, order, fitting) }
}

/** Each row with why it would refuse the order; `undefined` where it fits. */
async function refusalsOf(
  { applier, db }: OperatorOptions,
  { verb, options }: Checked,
  rows: readonly SagaRow[],
): Promise<readonly { readonly row: SagaRow; readonly reason: RefusalReason | undefined }[]> {
  await applier.shelf.load(
    db,
    rows.map((row) => row.blueprint),
  )
  const { now, holds } = await readNowAndHolds(db, applier.schema)
  const order = orderOf(verb, options)
  return rows.map((row) => {
    const blueprint = applier.shelf.get(row.blueprint)
    if (blueprint === undefined) return { row, reason: 'blueprint_unknown' }
    // A placeholder: nothing of what is decided here happens.
    const facts = { now, newId: () => 'preview', holds: holdsFor(holds, row.definition, row.id) }
    return { row, reason: decide(blueprint, row.state, order, facts).ignored?.reason }
  })
}

function orderOf(verb: OperationVerb, { as = 'completed', pastPivot }: VerbOptions): Order {
  const act: Act = { actor: 'preview', reason: 'preview', requestId: 'preview' }
  if (verb === 'resolve') return { type: verb, as, act }
  if (verb === 'rerun') return { type: verb, newSagaId: 'preview', act }
  if (verb === 'compensate') return { type: verb, act, ...(pastPivot === true ? { pastPivot } : {}) }
  return { type: verb, act }
}

/** A saga that has moved on since is left out. */
async function sampleOf(
  operator: Operator,
  { verb, options }: Checked,
  rows: readonly SagaRow[],
): Promise<OperationPreview['sample']> {
  const sample: { sagaId: string; status: Status; plan: ShownPlan | null }[] = []
  for (const { id, state } of rows) {
    const { status } = state
    if (verb !== 'retry' && verb !== 'compensate' && verb !== 'cancel') {
      sample.push({ sagaId: id, status, plan: null })
      continue
    }
    const plan = await operator.plan(id, verb, options).catch(() => undefined)
    if (plan !== undefined) sample.push({ sagaId: id, status, plan })
  }
  return sample
}
