/** Rules 5 to 8, as far as the pure core carries them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { definedName, itemOf, NAME_PATTERN, stepOf } from '../../src/engine/core/blueprint.ts'
import type { SagaEvent } from '../../src/engine/core/events.ts'
import type { SagaState } from '../../src/engine/core/state.ts'
import { actionKey, compensationKey } from '../../src/engine/runtime/keys.ts'
import { sequentialPairs } from './support/blueprints.ts'
import { isCollected, lies, standing } from './support/ledger.ts'
import { eventsOf, foldsOf, stepEntries } from './support/reading.ts'
import {
  bringToRest,
  forAll,
  isExternal,
  isOwnStep,
  play,
  playToRest,
  runs,
  type Scenario,
  workOff,
} from './support/scenario.ts'

const LATE: readonly SagaEvent['type'][] = ['attempt_lost', 'late_report', 'late_effect_found', 'saga_dead_lettered']

function workedOff(scenario: Scenario) {
  const played = playToRest(scenario)
  workOff(played)
  return played
}

describe('rule 5, late reports', () => {
  test('rule 5: a report that is recorded already is a duplicate, whenever it comes again', () => {
    forAll(({ world, workers }) => {
      const recorded = world.turns.filter(({ input, decision }) => 'jobId' in input && decision.ignored === undefined)
      for (const { input } of recorded) {
        if (!('jobId' in input) || input.type === 'checkpoint') continue
        expect(workers.repeat(input).events, JSON.stringify(input)).toEqual([])
      }
    })
  })

  test('rule 5: a late report never moves a saga that goes forward, nor a step that is completed', () => {
    forAll(({ world }) => {
      for (const { before, decision } of world.turns) {
        const late = decision.events.find((event) => event.type === 'late_report')
        if (late === undefined || before === undefined) continue
        const step = before.steps[late.step]
        if (before.direction === 'forward' || step?.state === 'completed') {
          expect(decision.events.filter(({ type }) => type !== 'late_report' && type !== 'attempt_lost')).toEqual([])
          expect(decision.state.status).toBe(before.status)
        }
        if (step?.state === 'completed') expect(decision.state.steps[late.step]?.state).toBe('completed')
      }
    })
  })

  test('rule 5: a late report starts a new round where the step had ended otherwise, and only there', () => {
    forAll(({ world }) => {
      for (const { event, before, turn } of foldsOf(world)) {
        if (event.type !== 'late_report' || before === undefined) continue
        const step = before.steps[event.step]
        const canUndo = stepOf(world.settings.blueprint, event.step)?.compensation === true
        const isOver = step?.state === 'failed' || step?.state === 'compensated'
        const wasLeft = step?.state === 'left_in_doubt' && canUndo
        const isNews =
          event.outcome === 'succeeded' ? isOver || wasLeft : event.verdict === 'in_doubt' && step?.state === 'failed'
        const matters =
          isNews &&
          event.side === 'action' &&
          isExternal(world, event.step) &&
          before.direction === 'backward' &&
          before.status !== 'resolved'
        const found = turn.decision.events.find(({ type }) => type === 'late_effect_found')
        expect(found !== undefined, JSON.stringify(turn.decision.events)).toBe(matters)
        if (found?.type !== 'late_effect_found') continue
        const isDoubt = event.outcome === 'failed'
        expect(found.inDoubt).toBe(isDoubt ? true : undefined)
        expect(found.round).toBe(canUndo || isDoubt ? (step?.round ?? 0) + 1 : null)
        if (!canUndo && !isDoubt)
          expect(turn.decision.events.every(({ type }) => LATE.includes(type) || type === 'attempt_scheduled')).toBe(
            true,
          )
      }
    }, playToRest)
  })

  test('rule 5: when all that hung has reported, a saga tells the truth about every effect', () => {
    forAll(({ world }) => expect(lies(world)).toEqual([]), playToRest, 4)
  })

  test('rule 5: so it does when what hung comes back with a failure', () => {
    const until = (scenario: Scenario) => {
      const played = play(scenario)
      bringToRest(played, 'not_applied')
      return played
    }
    forAll(({ world }) => expect(lies(world)).toEqual([]), until, 2)
  })

  test('rule 5: and when it comes back in doubt', () => {
    const until = (scenario: Scenario) => {
      const played = play(scenario)
      bringToRest(played, 'in_doubt_applied')
      return played
    }
    forAll(({ world }) => expect(lies(world)).toEqual([]), until, 4)
  })

  test('rule 5: and when a person has worked off its dead letters', () => {
    forAll(({ world }) => expect(lies(world)).toEqual([]), workedOff, 2)
  })
})

describe('rule 6, exactly once for what is written through the transaction', () => {
  test('rule 6: only an external step is ever in doubt', () => {
    forAll(({ world }) => {
      for (const { event, after } of foldsOf(world)) {
        if (!('step' in event) || event.step === undefined) continue
        const step = after.steps[event.step]
        if (step?.maybeApplied === true || step?.state === 'in_doubt' || step?.state === 'left_in_doubt') {
          expect(isExternal(world, event.step), event.step).toBe(true)
        }
      }
    }, playToRest)
  })

  test('rule 6: the rows of a step are written once, and taken back once', () => {
    forAll(({ world }) => {
      for (const [name, step] of stepEntries(world)) {
        if (stepOf(world.settings.blueprint, name)?.kind !== 'transactional') continue
        const stands = ['completed', 'skipped', 'compensating', 'compensation_failed'].includes(step.state)
        expect(world.rows.count(name), `${name} ${step.state}`).toBe(stands ? 1 : 0)
      }
    }, playToRest)
  })

  test('rule 6: the last hook takes effect once', () => {
    forAll(({ world }) => {
      for (const hook of ['@completed', '@compensated']) expect(world.hooks.count(hook)).toBeLessThanOrEqual(1)
    }, workedOff)
  })
})

describe('rule 7, keys', () => {
  test('rule 7: keys of different steps, sides and rounds never collide', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,5}$/).filter((text) => NAME_PATTERN.test(text))
    const key = fc.record({ step: name, round: fc.nat(3) })
    const keyOf = ({ step, round }: { step: string; round: number }) =>
      round === 0 ? actionKey('saga', step) : compensationKey('saga', step, round)
    fc.assert(
      fc.property(key, key, (one, other) => {
        expect(keyOf(one) === keyOf(other)).toBe(one.step === other.step && one.round === other.round)
      }),
      runs(),
    )
  })

  test('rule 7: the round that a compensation has in its key is one more than the late effects before it', () => {
    forAll(({ world }) => {
      const rounds = new Map<string, number>()
      for (const event of world.journal) {
        if (event.type === 'late_effect_found' && event.round !== null) {
          expect(event.round).toBe((rounds.get(event.step) ?? 1) + 1)
          rounds.set(event.step, event.round)
        }
        if (event.type === 'attempt_scheduled') {
          expect(event.round).toBe(event.side === 'compensation' ? (rounds.get(event.step) ?? 1) : undefined)
        }
        if (event.type === 'step_compensated') expect(event.round).toBe(rounds.get(event.step) ?? 1)
      }
    }, playToRest)
  })
})

describe('rule 8, undoing in reverse', () => {
  test('rule 8: no step is undone before those that came after it are dealt with', () => {
    forAll(
      ({ world }) => {
        const pairs = sequentialPairs(world.settings.blueprint)
        for (const { event, before } of foldsOf(world)) {
          if (event.type !== 'attempt_scheduled' || event.side !== 'compensation') continue
          for (const [earlier, later] of pairs) {
            if (earlier === event.step) expect(needsUndoing(before, later), `${later} before ${earlier}`).toBe(false)
          }
        }
      },
      playToRest,
      2,
    )
  })

  test('rule 8: one step is undone at a time, but for the lanes of a parallel group', () => {
    forAll(
      ({ world }) => {
        const pairs = sequentialPairs(world.settings.blueprint)
        for (const { after } of foldsOf(world)) {
          const underWay = Object.keys(after.steps).filter((name) => isBeingUndone(after, name))
          if (underWay.length < 2) continue
          const clash = pairs.find((pair) => pair.every((name) => underWay.includes(name)))
          expect(clash).toBeUndefined()
        }
      },
      playToRest,
      2,
    )
  })

  test('rule 8: going forward, no step starts before those that come before it are completed', () => {
    forAll(({ world }) => {
      const pairs = sequentialPairs(world.settings.blueprint)
      for (const { event, before } of foldsOf(world)) {
        if (event.type !== 'attempt_scheduled' || event.side !== 'action') continue
        for (const [earlier, later] of pairs) {
          const step = before?.steps[earlier]
          if (later !== event.step || step === undefined) continue
          const isPassed = step.fellBack === true || isCollected(world, earlier)
          expect(isPassed ? ['completed', 'failed', 'in_doubt'] : ['completed'], earlier).toContain(step.state)
        }
      }
    })
  })

  test('rule 8: the order of first starts is kept, and undoing is announced in its reverse', () => {
    forAll(({ world }) => {
      const started: string[] = []
      for (const { event, before } of foldsOf(world)) {
        if (event.type === 'blueprint_chosen') started.length = 0
        const starts =
          (event.type === 'attempt_scheduled' || event.type === 'step_settled_by_hand') && event.side === 'action'
        if (starts && !started.includes(event.step)) started.push(event.step)
        if (event.type !== 'undo_started' || before === undefined) continue
        const reached = started.filter((name) => stepOf(world.settings.blueprint, name) !== undefined)
        // The items of a map have its place, which is where its list was read.
        const place = (name: string) => started.indexOf(definedName(name)) + (itemOf(name)?.index ?? 0) / 1_000
        const undone = reached.filter((name) => needsUndoing(before, name))
        expect(event.order).toEqual(undone.sort((one, other) => place(other) - place(one)))
      }
    }, playToRest)
  })

  test('rule 8: only what was done, or may have been, is undone', () => {
    forAll(({ world, workers }) => {
      for (const { event, before } of foldsOf(world)) {
        if (event.type !== 'attempt_scheduled' || event.side !== 'compensation') continue
        expect(['completed', 'in_doubt', 'compensating', 'waiting']).toContain(before?.steps[event.step]?.state)
        if (before?.steps[event.step]?.state === 'waiting') expect(before.steps[event.step]?.child?.started).toBe(true)
      }
      const undone = workers.executions.filter(({ delivery }) => delivery.side === 'compensation')
      const byHand = eventsOf(world, 'step_settled_by_hand').map(({ step }) => step)
      const done = new Set([...eventsOf(world, 'step_completed').map(({ step }) => step), ...byHand])
      for (const { delivery, state } of undone) {
        const step = state.steps[delivery.step]
        const wasVerified = eventsOf(world, 'step_verified').some(
          ({ step: name, outcome }) => name === delivery.step && outcome === 'applied',
        )
        const isKnown = done.has(delivery.step) || wasVerified || step?.child !== undefined
        // A late effect is what a round from the second on is about.
        expect(isKnown || step?.maybeApplied === true || (step?.round ?? 1) > 1, delivery.step).toBe(true)
      }
    }, playToRest)
  })

  test('rule 8: nothing is undone twice in one round', () => {
    forAll(({ world }) => {
      const undone = eventsOf(world, 'step_compensated').map(({ step, round }) => `${step}:${round}`)
      expect(undone).toEqual([...new Set(undone)])
    }, workedOff)
  })

  test('rule 8: a step in doubt that opts out is left in doubt, and the outcome says so', () => {
    forAll(({ world }) => {
      for (const { event, before } of foldsOf(world)) {
        if (event.type === 'step_left_in_doubt') {
          const node = stepOf(world.settings.blueprint, event.step)
          expect(node?.compensation === false || node?.compensateWhen === 'completed').toBe(true)
          expect(before?.steps[event.step]?.state).toBe('in_doubt')
        }
        if (event.type !== 'saga_compensated' || before === undefined) continue
        const left = Object.keys(before.steps).filter((name) => before.steps[name]?.state === 'left_in_doubt')
        expect(event.leftInDoubt).toEqual(left)
      }
    }, playToRest)
  })

  test('rule 8: a verification is asked before a doubt is undone or left, wherever there is one', () => {
    forAll(({ world }) => {
      for (const { event, before } of foldsOf(world)) {
        const undoes =
          event.type === 'step_left_in_doubt' || (event.type === 'attempt_scheduled' && event.side === 'compensation')
        if (!undoes) continue
        const step = before?.steps[event.step]
        if (step?.state !== 'in_doubt' || stepOf(world.settings.blueprint, event.step)?.verify !== true) continue
        expect(step.verifiedAt).toBe(step.action.attempts)
      }
    }, playToRest)
  })

  test('rule 8: a compensated saga leaves nothing standing but what it lists', () => {
    forAll(
      ({ world }) => {
        if (world.state.status !== 'compensated') return
        for (const [name, step] of stepEntries(world)) {
          if (standing(world, name, step)) expect(['skipped', 'left_in_doubt'], name).toContain(step.state)
        }
      },
      workedOff,
      2,
    )
  })
})

/** Whether going back still has something to do about the step: read off its state, apart from the frontier. */
function needsUndoing(state: SagaState | undefined, name: string): boolean {
  const step = state?.steps[name]
  if (step === undefined || !isOwnStep(name)) return false
  if (step.state === 'waiting') return step.child?.started === true || step.maybeApplied === true
  return ['running', 'completed', 'in_doubt', 'compensating'].includes(step.state)
}

function isBeingUndone(state: SagaState, name: string): boolean {
  const step = state.steps[name]
  if (step?.compensation?.flight !== undefined) return true
  if (state.direction === 'forward' || state.draining === true) return false
  return step?.verify?.flight !== undefined || (step?.state === 'compensating' && step.child?.undoAsked === true)
}
