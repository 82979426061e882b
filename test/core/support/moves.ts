/**
 * What can happen next, as plain data: fast-check makes lists of it and shrinks them. A move that finds nothing to act
 * on does nothing, so every sub-list of a list of moves is a run of its own.
 */
import fc from 'fast-check'
import { stepOf } from '../../../src/engine/core/blueprint.ts'
import type { Order } from '../../../src/engine/core/input.ts'
import type { Fate, Work, Workers } from './workers.ts'
import { ACT, type World } from './world.ts'

export type Move =
  /** Fetches a job and sees it through, report and all. */
  | { readonly do: 'work'; readonly at: number; readonly fate: Fate; readonly choice: number }
  | { readonly do: 'fetch'; readonly at: number }
  | { readonly do: 'begin'; readonly at: number }
  /** Fetches a job and gives it back, for want of its code. */
  | { readonly do: 'give_back'; readonly at: number }
  | { readonly do: 'act'; readonly at: number; readonly fate: Fate; readonly choice: number }
  | { readonly do: 'report'; readonly at: number; readonly again: boolean }
  | { readonly do: 'time_out'; readonly at: number }
  | { readonly do: 'lose'; readonly at: number; readonly forGood: boolean }
  | { readonly do: 'redeliver'; readonly at: number }
  | { readonly do: 'repeat'; readonly at: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'arrive' }
  | { readonly do: 'reach_front' }
  | { readonly do: 'end_child'; readonly at: number; readonly able: boolean }
  | { readonly do: 'hear_child'; readonly at: number; readonly again: boolean }
  | { readonly do: 'hold'; readonly at: number; readonly side: 'action' | 'compensation' | 'both' }
  | { readonly do: 'release' }
  | { readonly do: 'code'; readonly found: boolean }
  | { readonly do: 'undo' }
  | { readonly do: 'deadline' }
  | { readonly do: 'order'; readonly order: Order['type']; readonly admin: boolean }
  | { readonly do: 'by_hand'; readonly at: number }
  | { readonly do: 'checkpoint'; readonly at: number }

const at = fc.nat(5)
const choice = fc.nat(3)
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 9, arbitrary: fc.constant('ok' as const) },
  { weight: 1, arbitrary: fc.constant('rejected' as const) },
  { weight: 2, arbitrary: fc.constant('not_applied' as const) },
  { weight: 1, arbitrary: fc.constant('in_doubt_applied' as const) },
  { weight: 1, arbitrary: fc.constant('in_doubt_not_applied' as const) },
  { weight: 1, arbitrary: fc.constant('in_doubt_slow' as const) },
)

const weighted = (weight: number, arbitrary: fc.Arbitrary<Move>) => ({ weight, arbitrary })
const order = (type: Order['type'], weight: number) =>
  weighted(weight, fc.record({ do: fc.constant('order' as const), order: fc.constant(type), admin: fc.boolean() }))

export const moves: fc.Arbitrary<Move> = fc.oneof(
  weighted(36, fc.record({ do: fc.constant('work' as const), at, fate, choice })),
  weighted(8, fc.record({ do: fc.constant('fetch' as const), at })),
  weighted(8, fc.record({ do: fc.constant('begin' as const), at })),
  weighted(4, fc.record({ do: fc.constant('give_back' as const), at })),
  weighted(9, fc.record({ do: fc.constant('act' as const), at, fate, choice })),
  weighted(9, fc.record({ do: fc.constant('report' as const), at, again: fc.boolean() })),
  weighted(4, fc.record({ do: fc.constant('time_out' as const), at })),
  weighted(4, fc.record({ do: fc.constant('lose' as const), at, forGood: fc.boolean() })),
  weighted(3, fc.record({ do: fc.constant('redeliver' as const), at })),
  weighted(2, fc.record({ do: fc.constant('repeat' as const), at: fc.nat(30) })),
  weighted(10, fc.record({ do: fc.constant('wait' as const), ms: fc.nat(400) })),
  weighted(1, fc.record({ do: fc.constant('arrive' as const) })),
  weighted(3, fc.record({ do: fc.constant('reach_front' as const) })),
  weighted(4, fc.record({ do: fc.constant('end_child' as const), at, able: fc.boolean() })),
  weighted(5, fc.record({ do: fc.constant('hear_child' as const), at, again: fc.boolean() })),
  weighted(
    2,
    fc.record({
      do: fc.constant('hold' as const),
      at: fc.nat(9),
      side: fc.constantFrom('action', 'compensation', 'both'),
    }),
  ),
  weighted(2, fc.record({ do: fc.constant('release' as const) })),
  weighted(4, fc.record({ do: fc.constant('code' as const), found: fc.boolean() })),
  weighted(1, fc.record({ do: fc.constant('undo' as const) })),
  weighted(1, fc.record({ do: fc.constant('deadline' as const) })),
  order('cancel', 2),
  order('compensate', 2),
  order('retry', 4),
  order('pause', 1),
  order('resume', 2),
  order('resolve', 1),
  order('rerun', 1),
  order('revert', 1),
  order('edit_input', 1),
  order('erase', 1),
  weighted(1, fc.record({ do: fc.constant('by_hand' as const), at })),
  weighted(1, fc.record({ do: fc.constant('checkpoint' as const), at })),
)

export function make(world: World, workers: Workers, move: Move): void {
  switch (move.do) {
    case 'work':
      return withOne(workers.queued(), move.at, (job) => {
        const work = workers.fetch(job)
        workers.begin(work)
        if (work.phase === 'running') workers.act(work, move.fate, move.choice)
        workers.report(work)
      })
    case 'fetch':
      return withOne(workers.queued(), move.at, (job) => void workers.fetch(job))
    case 'begin':
      return withOne(inPhase(workers, 'fetched'), move.at, (work) => workers.begin(work))
    case 'give_back':
      return withOne(workers.queued(), move.at, (job) => {
        const work = workers.fetch(job)
        workers.begin(work, true)
        workers.report(work)
      })
    case 'act':
      return withOne(inPhase(workers, 'running'), move.at, (work) => workers.act(work, move.fate, move.choice))
    case 'report':
      return withOne(inPhase(workers, 'done'), move.at, (work) => void workers.report(work, move.again))
    case 'time_out':
      return withOne(hanging(world, workers), move.at, (work) => void workers.timeOut(work))
    case 'lose':
      return withOne(owned(workers), move.at, (work) => {
        workers.lose(work)
        // A worker that was still to act under the key may always come back: the other side has not heard of it yet.
        if (move.forGood && work.phase !== 'running') workers.vanish(work)
      })
    case 'redeliver':
      return withOne(owned(workers), move.at, (work) => workers.redeliver(work))
    case 'repeat':
      return withOne(workers.reports, move.at, (report) => void workers.repeat(report))
    case 'wait':
      world.now += move.ms
      while (world.fireTimer());
      return
    case 'arrive':
      world.provider.arrive()
      return
    case 'checkpoint':
      return withOne(inPhase(workers, 'running'), move.at, (work) => void workers.checkpoint(work))
    default:
      return makeOutside(world, move)
  }
}

type Outside = Exclude<
  Move,
  {
    do:
      | 'work'
      | 'fetch'
      | 'begin'
      | 'give_back'
      | 'act'
      | 'report'
      | 'time_out'
      | 'lose'
      | 'redeliver'
      | 'repeat'
      | 'wait'
      | 'arrive'
      | 'checkpoint'
  }
>

function makeOutside(world: World, move: Outside): void {
  switch (move.do) {
    case 'end_child':
      return withOne(world.children.active(), move.at, (id) => world.children.end(id, move.able))
    case 'hear_child':
      return hearChild(world, move.at, move.again)
    case 'hold': {
      const step = move.at === 0 ? {} : { step: `s${move.at}` }
      return world.hold({ ...step, ...(move.side === 'both' ? {} : { side: move.side }) })
    }
    case 'release':
      return world.releaseHolds()
    case 'code':
      return tellCode(world, move.found)
    case 'reach_front':
      return void world.tell({ type: 'at_front' })
    case 'undo':
      return void world.tell({ type: 'parent_undo' })
    case 'deadline':
      return void world.tell({ type: 'deadline_due' })
    case 'order':
      return void world.tell(orderOf(move.order, move.admin))
    case 'by_hand':
      return withOne(
        Object.keys(world.state.steps),
        move.at,
        (step) => void world.tell({ type: 'complete', step, act: ACT }),
      )
  }
}

export function orderOf(type: Order['type'], admin: boolean): Order {
  if (type === 'compensate') return { type, act: ACT, ...(admin ? { pastPivot: true } : {}) }
  if (type === 'resolve') return { type, act: ACT, as: admin ? 'completed' : 'compensated' }
  if (type === 'complete') return { type, act: ACT, step: 's1' }
  if (type === 'rerun') return { type, act: ACT, newSagaId: 'saga-2' }
  return { type, act: ACT }
}

export function hearChild(world: World, index: number, again: boolean): void {
  const { messages } = world.children
  withOne(messages, index, (message) => {
    if (!again) messages.splice(messages.indexOf(message), 1)
    world.tell({ type: 'child_ended', ...message, limits: world.limitsOf(message.step) })
  })
}

export function tellCode(world: World, found: boolean): void {
  if (found) return void world.tell({ type: 'code_found' })
  const lacking = Object.entries(world.state.steps).find(([, step]) =>
    [step.action, step.compensation, step.verify].some((side) => side?.withheld === 'code'),
  )
  if (lacking !== undefined) world.tell({ type: 'code_missing', step: lacking[0] })
}

function inPhase(workers: Workers, phase: Work['phase']): readonly Work[] {
  return workers.work.filter((work) => work.phase === phase)
}

function owned(workers: Workers): readonly Work[] {
  return workers.work.filter((work) => workers.owns(work))
}

/** Only a call to the outside can go on after it was given up: the others are rolled back. */
function hanging(world: World, workers: Workers): readonly Work[] {
  return inPhase(workers, 'running').filter(
    (work) => workers.owns(work) && stepOf(world.settings.blueprint, work.delivery.step)?.kind === 'external',
  )
}

function withOne<T>(list: readonly T[], index: number, then: (item: T) => void): void {
  const item = list[index % Math.max(1, list.length)]
  if (item !== undefined) then(item)
}
