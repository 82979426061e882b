/**
 * The rules where much is under way at once: maps, their verifications, and fallbacks beside them. Other scenarios see
 * their jobs through one after another as a rule, and hardly ever get here.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BlueprintNode, MapNode, StepNode } from '../../src/engine/core/blueprint.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { lies } from './support/ledger.ts'
import { type Move, moves } from './support/moves.ts'
import { bringToRest, play, playToRest, runs, type Scenario, scenarios, workOff } from './support/scenario.ts'

const aMap = (name: string, item: Partial<StepNode> = {}, collect = false): MapNode => {
  return { node: 'map', name, item: { ...aStep(name), ...item }, ...(collect ? { collect: true } : {}) }
}
const aGroup = (...lanes: readonly BlueprintNode[]): BlueprintNode => {
  return { node: 'parallel', name: 'p1', lanes: lanes.map((node) => [node]) }
}
const verify = true as const
const withFallback: StepNode = { ...aStep('s2', { verify }), fallback: aStep('s3') }

const SHAPES: readonly (readonly BlueprintNode[])[] = [
  [aMap('m1', { verify })],
  [aMap('m1'), aStep('s2')],
  [aMap('m1', { verify }, true), aMap('m2')],
  [aStep('s1'), aMap('m2', { verify, compensateWhen: 'completed' }), aStep('s3')],
  [aGroup(aMap('m2', { verify }), aStep('s3')), aStep('s4')],
  [aGroup(withFallback, aMap('m4', { verify, compensation: false })), aStep('s5', { pivot: true }), aMap('m6')],
]

const at = fc.nat(5)
const fate = fc.constantFrom('ok' as const, 'ok' as const, 'rejected' as const, 'in_doubt_not_applied' as const)
/** The longest list, all of it at once. */
const choice = 3

const crowding: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fetch' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const), at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('act' as const), at, fate, choice: fc.constant(choice) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('report' as const), at, again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'order', order: 'cancel', admin: false } as const) },
  { weight: 2, arbitrary: moves },
)

const crowded: fc.Arbitrary<Scenario> = fc
  .record({
    scenario: scenarios,
    nodes: fc.constantFrom(...SHAPES),
    more: fc.array(crowding, { maxLength: 40, size: 'max' }),
  })
  .map(({ scenario, nodes, more }) => {
    const { patience, limits, manners, blueprint } = scenario.settings
    const settings = { patience, limits, manners, isAdopted: true, blueprint: blueprintOf(nodes, blueprint.hooks) }
    return { ...scenario, settings, moves: [{ do: 'work', at: 0, fate: 'ok', choice } as const, ...more] }
  })

/** Many are needed: what went wrong here once, one in two thousand shows. */
const RUNS = runs(10)

test('a crowded saga tells the truth about every effect when it has come to rest, and when its dead letters are worked off', () => {
  const check = (scenario: Scenario) => {
    const played = playToRest(scenario)
    expect(lies(played.world)).toEqual([])
    workOff(played)
    expect(lies(played.world)).toEqual([])
  }
  fc.assert(fc.property(crowded, check), RUNS)
})

test('so it does when what hung comes back in doubt', () => {
  const check = (scenario: Scenario) => {
    const played = play(scenario)
    bringToRest(played, 'in_doubt_applied')
    expect(lies(played.world)).toEqual([])
  }
  fc.assert(fc.property(crowded, check), RUNS)
})
