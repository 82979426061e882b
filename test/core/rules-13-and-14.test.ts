/** Rules 13 and 14, as far as the pure core carries them. */
import { describe, expect, test } from 'vitest'
import { stepOf, walk } from '../../src/engine/core/blueprint.ts'
import { decide } from '../../src/engine/core/decide.ts'
import { EVENT_TYPES, type SagaEvent } from '../../src/engine/core/events.ts'
import { evolve, replay } from '../../src/engine/core/evolve.ts'
import type { OrderType } from '../../src/engine/core/input.ts'
import { ordersThatFit } from '../../src/engine/core/order.ts'
import { isPlan, planOf } from '../../src/engine/core/plan.ts'
import type { SagaState } from '../../src/engine/core/state.ts'
import { MAP_INDEXES } from './support/blueprints.ts'
import { orderOf } from './support/moves.ts'
import { broken } from './support/planned.ts'
import { foldsOf, throughJson, withoutMessages } from './support/reading.ts'
import { bringToRest, forAll, isOwnStep, play, playToRest } from './support/scenario.ts'
import { ACT, type World } from './support/world.ts'

const PLANNED = ['retry', 'compensate', 'cancel'] as const
const ORDERS: readonly OrderType[] = ['retry', 'compensate', 'cancel', 'pause', 'resume', 'resolve', 'rerun', 'erase']

describe('rule 13, replay', () => {
  test('rule 13: folding the journal gives the stored state, as a database stores both', () => {
    forAll(({ world }) => {
      const journal = throughJson(world.journal)
      expect(replay(world.settings.blueprint, journal)).toEqual(throughJson(world.state))
    }, playToRest)
  })

  test('rule 13: at any moment the stored state and the next events give the next state', () => {
    forAll(({ world }) => {
      for (const { blueprint, before, decision } of world.turns) {
        let state: SagaState | undefined = before && throughJson(before)
        for (const event of throughJson(decision.events)) state = throughJson(evolve(blueprint, state, event))
        expect(state).toEqual(throughJson(decision.state))
      }
    })
  })

  test('rule 13: a journal whose messages are erased with its saga gives the same state', () => {
    forAll(({ world }) => {
      const { blueprint, state } = world
      const { state: erased, events, ignored } = decide(blueprint, state, { type: 'erase', act: ACT }, world.facts())
      if (ignored !== undefined) return
      const journal = withoutMessages(throughJson([...world.journal, ...events]))
      expect(replay(blueprint, journal)).toEqual(throughJson(erased))
    }, playToRest)
  })

  test('rule 13: a state is bounded by the steps of its blueprint, not by what happened to it', () => {
    forAll(
      ({ world }) => {
        const names = Object.keys(world.state.steps)
        const nodes = [...walk(world.settings.blueprint.nodes)]
        // Each item is a step, and there are no more of them than the list has.
        const known = nodes.length + MAP_INDEXES.length * nodes.filter(({ node }) => node === 'map').length
        expect(names.filter(isOwnStep).length).toBeLessThanOrEqual(known)
        for (const name of names)
          for (const side of ['action', 'compensation', 'verify'] as const) {
            expect(world.state.steps[name]?.[side]?.open?.length ?? 0).toBeLessThanOrEqual(64)
          }
      },
      playToRest,
      0.5,
    )
  })

  test('rule 13: only events of known types are written, and an unknown one stops the fold instead of being skipped', () => {
    forAll(
      ({ world }) => {
        for (const { type } of world.journal) expect(EVENT_TYPES).toContain(type)
      },
      playToRest,
      0.5,
    )
    const unknown = { type: 'from_a_later_version' } as unknown as SagaEvent
    forAll(
      ({ world }) => {
        expect(() => evolve(world.blueprint, world.state, unknown)).toThrow('from_a_later_version')
        expect(() => evolve(world.blueprint, undefined, unknown)).toThrow('saga_started')
      },
      play,
      0.02,
    )
  })
})

describe('rule 14, acts of people', () => {
  test('rule 14: every order that is accepted is journalled with who gave it, why, and by which request', () => {
    forAll(({ world }) => {
      for (const { input, decision } of world.turns) {
        if (!('act' in input) || decision.ignored !== undefined) continue
        const [first] = decision.events
        expect(first !== undefined && 'act' in first ? first.act : undefined, input.type).toEqual(ACT)
        if (input.type === 'compensate' || input.type === 'cancel') {
          const turned = decision.events.find((event) => event.type === 'saga_turned' || event.type === 'turn_recorded')
          if (turned !== undefined) expect(turned.cause).toEqual({ kind: input.type, actor: ACT.actor })
        }
      }
    })
  })

  test('rule 14: an order fits exactly when it is listed as fitting, and a refusal lists what does', () => {
    forAll(
      ({ world }) => {
        const { state, blueprint } = world
        const fits = ordersThatFit(blueprint, state)
        for (const order of ORDERS) {
          const decision = decide(blueprint, state, orderOf(order, true), world.facts())
          expect(
            decision.ignored === undefined,
            `${order} on ${state.status}: ${JSON.stringify(decision.ignored)}`,
          ).toBe(fits.includes(order))
          if (decision.ignored !== undefined) expect(decision.ignored.fits).toEqual(fits)
        }
      },
      play,
      3,
    )
  })

  test('rule 14: what lies past the pivot, or may, is undone for an admin only', () => {
    forAll(({ world }) => {
      const { state, blueprint } = world
      if (state.status !== 'dead_lettered' || state.direction === 'backward') return
      const decision = decide(blueprint, state, orderOf('compensate', false), world.facts())
      const isOpen = Object.entries(state.steps).some(
        ([name, step]) => step.maybeApplied === true && isPivot(world, name),
      )
      expect(decision.ignored?.reason === 'needs_admin').toBe(state.pivoted === true || isOpen)
    }, playToRest)
  })

  test('rule 14: a retry raises the limit, and goes on with the numbers', () => {
    forAll(({ world }) => {
      for (const { event, before, after } of foldsOf(world)) {
        if (event.type !== 'saga_retried') continue
        for (const name of event.steps) {
          const [was, is] = [before?.steps[name], after.steps[name]]
          const side = event.direction === 'forward' || name.startsWith('@') ? 'action' : 'compensation'
          expect(is?.[side]).toMatchObject({ failures: 0, lost: 0, attempts: was?.[side]?.attempts ?? 0 })
        }
      }
    })
  })

  test('rule 14: a plan is refused for the same reason as the order, and making it changes nothing', () => {
    forAll(({ world }) => {
      const { state, blueprint } = world
      for (const order of PLANNED) {
        const facts = world.facts()
        const plan = planOf(blueprint, state, order, facts)
        const decision = decide(blueprint, state, orderOf(order, false), facts)
        if (!isPlan(plan)) expect(plan).toEqual(decision.ignored)
        else expect(decision.ignored).toBeUndefined()
        expect(planOf(blueprint, state, order, facts)).toEqual(plan)
      }
    })
  })

  test.each(PLANNED)('rule 14: the plan of a %s is what happens then, when all goes well', (order) => {
    forAll(
      (played) => {
        const { world } = played
        const plan = planOf(world.blueprint, world.state, order, world.facts(), { pastPivot: true })
        if (!isPlan(plan)) return
        const before = world.state
        const from = world.turns.length
        world.tell(orderOf(order, true))
        expect(world.state.recorded !== undefined && before.recorded === undefined).toBe(plan.waitsForPivot)
        bringToRest(played)
        expect(broken(world, plan, before, from), JSON.stringify(plan)).toEqual([])
      },
      play,
      4,
    )
  })
})

function isPivot(world: World, name: string): boolean {
  return stepOf(world.settings.blueprint, name)?.pivot === true
}
