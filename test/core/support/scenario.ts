/** A random saga with a random life, and what becomes of it once the world behaves well again. */
import fc from 'fast-check'
import { ADOPT, definedName, stepOf } from '../../../src/engine/core/blueprint.ts'
import { isLive } from '../../../src/engine/core/machine.ts'
import { blueprints } from './blueprints.ts'
import { hearChild, type Move, make, moves, orderOf } from './moves.ts'
import { type Fate, Workers } from './workers.ts'
import { must, World, type WorldSettings } from './world.ts'

export type Scenario = {
  readonly settings: Omit<WorldSettings, 'patient'> & { readonly patience: number }
  readonly moves: readonly Move[]
  readonly ghostsComeLate: boolean
}

export type Played = { readonly world: World; readonly workers: Workers; readonly scenario: Scenario }

const optional = (ms: fc.Arbitrary<number>) => fc.option(ms, { freq: 7, nil: undefined })

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  settings: fc
    .record({
      blueprint: blueprints,
      limits: fc.record({ maxAttempts: fc.integer({ min: 1, max: 3 }), maxLost: fc.integer({ min: 1, max: 3 }) }),
      maxDurationMs: optional(fc.integer({ min: 1, max: 1_000 })),
      patience: fc.constantFrom(0, 0, 2, 3),
      manners: fc.constantFrom('polite' as const, 'rude' as const),
      isAdopted: fc.oneof({ weight: 7, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      startsInMs: optional(fc.nat(500)),
      deadlineInMs: optional(fc.nat(2_000)),
      revertWithinMs: optional(fc.nat(2_000)),
      line: fc.option(fc.constantFrom('waiting' as const, 'front' as const), { freq: 4, nil: undefined }),
    })
    .map(({ startsInMs, deadlineInMs, revertWithinMs, line, maxDurationMs, limits, ...rest }) => ({
      ...rest,
      limits: maxDurationMs === undefined ? limits : { ...limits, maxDurationMs },
      ...(startsInMs === undefined ? {} : { startsInMs }),
      ...(deadlineInMs === undefined ? {} : { deadlineInMs }),
      ...(revertWithinMs === undefined ? {} : { revertWithinMs }),
      // Nobody comes to the front of a line in which it does not stand yet.
      ...(line === undefined ? {} : { line: startsInMs === undefined ? line : ('waiting' as const) }),
    })),
  moves: fc.array(moves, { maxLength: 80, size: 'max' }),
  // What hung comes back at once when all goes well again, or only when the saga has come to rest.
  ghostsComeLate: fc.boolean(),
})

/** Runs the moves, and no more: the saga may stand anywhere. */
export function play(scenario: Scenario): Played {
  const { patience, ...settings } = scenario.settings
  const patient = (step: string) => {
    const name = definedName(step)
    return patience > 0 && name.length % 2 === 0 && Number(name.slice(1)) % patience === 0
  }
  const world = new World({ ...settings, patient })
  const workers = new Workers(world)
  for (const move of scenario.moves) make(world, workers, move)
  return { world, workers, scenario }
}

/** Then all goes well, until the saga rests and all that hung has come back. */
export function playToRest(scenario: Scenario): Played {
  const played = play(scenario)
  bringToRest(played)
  return played
}

const MAX_ROUNDS = 400

export function bringToRest({ world, workers, scenario }: Played, ghosts: Fate = 'ok'): void {
  if (world.holds.length > 0) world.releaseHolds()
  if (world.state.paused === true) world.tell(orderOf('resume', false))
  world.tell({ type: 'code_found' })
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    while (world.provider.arrive());
    if (world.line === 'waiting') world.tell({ type: 'at_front' })
    const isBusy = isLive(world.state.status) || workers.work.some((work) => workers.owns(work))
    for (const work of workers.work) {
      if (scenario.ghostsComeLate && isBusy && !workers.owns(work)) continue
      if (work.phase === 'fetched') workers.begin(work)
      if (work.phase === 'running') workers.act(work, workers.owns(work) ? 'ok' : ghosts, 0)
      workers.report(work)
    }
    for (const job of workers.queued()) workers.fetch(job)
    for (const child of world.children.active()) world.children.end(child, true)
    if (workers.work.some((work) => workers.owns(work) || !isBusy)) continue
    if (world.children.messages.length > 0) hearChild(world, 0, false)
    else if (!isLive(world.state.status) && workers.work.length === 0) return
    else if (isLive(world.state.status)) {
      const next = Math.min(...world.timers.values())
      must(Number.isFinite(next), `rule 11: ${world.state.status}, and nothing moves it any more`)
      world.now = Math.max(world.now, next)
      world.fireTimer()
    }
  }
  must(false, `rule 11: ${world.state.status} after ${MAX_ROUNDS} rounds in which all went well`)
}

/** A person works off the dead letters: retries, and settles by hand what no retry can mend. */
export function workOff(played: Played): void {
  const { world } = played
  for (let tries = 0; world.state.status === 'dead_lettered'; tries += 1) {
    must(tries < 20, `rule 11: ${world.state.deadLetter?.reason} comes back after 20 retries in which all went well`)
    // Somebody has settled a child as it is: no retry undoes it any more.
    const isSettled = [...world.children.byId.values()].some((child) => child.state === 'settled')
    const decision = world.tell(orderOf('retry', false))
    if (decision.ignored === undefined) bringToRest(played)
    if (world.state.status === 'dead_lettered' && (isSettled || decision.ignored !== undefined))
      world.tell(orderOf('resolve', false))
    bringToRest(played)
  }
}

export function isExternal(world: World, step: string): boolean {
  return stepOf(world.settings.blueprint, step)?.kind === 'external'
}

/** Steps of the definition, not of the engine. */
export function isOwnStep(step: string): boolean {
  return step !== ADOPT && !step.startsWith('@')
}

const DEFAULT_RUNS = 500

/** How often a property is tried; more with `PG_SAGA_RUNS`, elsewhere with `PG_SAGA_SEED`. */
export function runs(share = 1): { numRuns: number; seed: number } {
  const numRuns = Math.max(1, Math.round(Number(process.env['PG_SAGA_RUNS'] ?? DEFAULT_RUNS) * share))
  return { numRuns, seed: Number(process.env['PG_SAGA_SEED'] ?? 20_261_121) }
}

/** Holds for every saga, whatever happens to it. */
export function forAll(check: (played: Played) => void, until: (scenario: Scenario) => Played = play, share = 1): void {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      check(until(scenario))
    }),
    runs(share),
  )
}
