/**
 * How states and events lie in the database: without what says nothing. The hot row is written with each transition,
 * so each byte of it is paid for five times in a saga of five steps.
 */
import { itemName, itemOf } from '../core/blueprint.ts'
import type { SagaEvent } from '../core/events.ts'
import { SIDES } from '../core/machine.ts'
import type { SagaState, SideState, StepState } from '../core/state.ts'

/** The state as stored: zero counts, first rounds, branches that there are none of and a single attempt are left out. */
export function packState(state: SagaState): object {
  const steps: Record<string, object> = {}
  const items = new Map<string, ItemGroups>()
  for (const name in state.steps) {
    const step = state.steps[name]
    if (step === undefined) continue
    if (name.endsWith(']')) addItem(items, name, step)
    else steps[name] = packStep(step)
  }
  const { branches, ...rest } = state
  return {
    ...rest,
    ...(Object.keys(branches).length === 0 ? {} : { branches }),
    steps,
    ...(items.size === 0
      ? {}
      : { items: Object.fromEntries([...items].map(([map, groups]) => [map, packItems(groups)])) }),
  }
}

/** The indexes of a map's items by what is to be said of them: of ten thousand that are done there is one thing to say. */
type ItemGroups = Map<string, number[]>

/** Steps never change, so that an item is looked at again only when something has happened to it. */
const packedItems = new WeakMap<StepState, string>()

function addItem(items: Map<string, ItemGroups>, name: string, step: StepState): void {
  const item = itemOf(name)
  if (item === undefined) return
  let packed = packedItems.get(step)
  if (packed === undefined) {
    packed = JSON.stringify(packStep(step))
    packedItems.set(step, packed)
  }
  let groups = items.get(item.map)
  if (groups === undefined) {
    groups = new Map()
    items.set(item.map, groups)
  }
  const group = groups.get(packed)
  if (group === undefined) groups.set(packed, [item.index])
  else group.push(item.index)
}

/** As ranges, `0-41,43`, with what they have in common. */
function packItems(groups: ItemGroups): readonly (readonly [ranges: string, step: object])[] {
  return [...groups].map(([packed, indexes]) => [rangesOf(indexes), JSON.parse(packed) as object])
}

function rangesOf(indexes: number[]): string {
  const ranges: string[] = []
  indexes.sort((a, b) => a - b)
  for (let at = 0; at < indexes.length; at += 1) {
    const from = indexes[at] ?? 0
    while (indexes[at + 1] === (indexes[at] ?? 0) + 1) at += 1
    const to = indexes[at] ?? 0
    ranges.push(from === to ? `${from}` : `${from}-${to}`)
  }
  return ranges.join(',')
}

function* indexesIn(ranges: string): Generator<number> {
  for (const range of ranges.split(',')) {
    const [from, to = from] = range.split('-').map(Number)
    for (let index = from ?? 0; index <= (to ?? 0); index += 1) yield index
  }
}

function packStep(step: StepState): object {
  const { round, action, compensation, verify, ...rest } = step
  const packed: Record<string, unknown> = rest
  const packedAction = packSide(action)
  if (!isOneAttempt(packedAction)) packed.action = packedAction
  if (round !== 1) packed.round = round
  if (compensation !== undefined) packed.compensation = packSide(compensation)
  if (verify !== undefined) packed.verify = packSide(verify)
  return packed
}

function packSide({ failures, lost, since, ...rest }: SideState): Record<string, unknown> {
  const packed: Record<string, unknown> = rest
  if (failures !== 0) packed.failures = failures
  if (lost !== 0) packed.lost = lost
  if (since !== 0) packed.since = since
  return packed
}

/** What most steps have to say of their action: `attempts: 1`. The views know it too. */
function isOneAttempt(packed: Record<string, unknown>): boolean {
  return packed.attempts === 1 && Object.keys(packed).length === 1
}

const EMPTY_COUNTS = { failures: 0, lost: 0, since: 0 }
const USUAL = { round: 1, action: { attempts: 1, ...EMPTY_COUNTS } }

/** The inverse of `packState`. */
export function unpackState(stored: unknown): SagaState {
  const { items, ...state } = stored as SagaState & { readonly items?: StoredItems }
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(state.steps)) steps[name] = unpackStep(step)
  for (const [map, groups] of Object.entries(items ?? {})) {
    for (const [ranges, packed] of groups) {
      const step = unpackStep(packed)
      for (const index of indexesIn(ranges)) steps[itemName(map, index)] = step
    }
  }
  return { ...state, branches: state.branches ?? {}, steps }
}

type StoredItems = { readonly [map: string]: readonly (readonly [ranges: string, step: StepState])[] }

function unpackStep(step: StepState): StepState {
  const entry: Record<string, unknown> = { ...USUAL, ...step }
  for (const side of SIDES) {
    const part = step[side]
    if (part !== undefined) entry[side] = { ...EMPTY_COUNTS, ...part }
  }
  return entry as unknown as StepState
}

/** What of an event has a column of its own; the rest is `data`. */
export type EventColumns = {
  readonly type: string
  readonly step: string | null
  readonly side: string | null
  readonly attempt: number | null
  readonly data: object | null
}

/** A row of the journal: an event, and the attempts that it led to at once. */
export type PackedEvent = {
  /** Of the event, among those that are written with it. */
  readonly position: number
  type: string
  step?: string
  side?: string
  attempt?: number
  data?: object
}

/**
 * The rows that events written together make. An attempt that is scheduled has no row of its own, but stands with the
 * event before it (`data.scheduled`): every second event of a saga is one, and in a journal a row costs more than what
 * stands in it. Each event keeps its sequence: a row is as many of them as it has events.
 */
export function packEvents(events: readonly SagaEvent[]): readonly PackedEvent[] {
  const rows: PackedEvent[] = []
  let scheduled: object[] | undefined
  for (const [position, event] of events.entries()) {
    const last = rows.at(-1)
    if (event.type !== 'attempt_scheduled' || last === undefined) {
      rows.push(packEvent(event, position))
      scheduled = undefined
      continue
    }
    const { type: _type, ...attempt } = event
    if (scheduled === undefined) {
      scheduled = []
      last.data = { ...last.data, scheduled }
    }
    scheduled.push(attempt)
  }
  return rows
}

/** The columns that an event fills. */
function packEvent(event: SagaEvent, position: number): PackedEvent {
  const { type, step, side, attempt, ...data } = event as SagaEvent & Partial<EventColumns>
  const packed: PackedEvent = { position, type }
  if (typeof step === 'string') packed.step = step
  if (typeof side === 'string') packed.side = side
  if (typeof attempt === 'number') packed.attempt = attempt
  for (const _key in data) {
    packed.data = data
    break
  }
  return packed
}

/** The inverse of `packEvents`, of one row: its events, in order of their sequences. */
export function unpackEvents({ type, step, side, attempt, data }: EventColumns): readonly [SagaEvent, ...SagaEvent[]] {
  const { scheduled = [], ...rest } = (data ?? {}) as { readonly scheduled?: readonly object[] }
  const event = {
    type,
    ...(step === null ? {} : { step }),
    ...(side === null ? {} : { side }),
    ...(attempt === null ? {} : { attempt }),
    ...rest,
  } as SagaEvent
  return [event, ...scheduled.map((one) => ({ type: 'attempt_scheduled', ...one }) as SagaEvent)]
}
