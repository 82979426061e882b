/** Rules 9 to 12, as far as the pure core carries them. */
import { describe, expect, test } from 'vitest'
import { stepOf } from '../../src/engine/core/blueprint.ts'
import { SIDE_TIMERS } from '../../src/engine/core/command.ts'
import { decide } from '../../src/engine/core/decide.ts'
import { isFinished, isLive } from '../../src/engine/core/machine.ts'
import { flightsOf, type SagaState, waitOf } from '../../src/engine/core/state.ts'
import { stepsOf } from './support/blueprints.ts'
import { tellCode } from './support/moves.ts'
import { eventsOf, foldsOf, stepEntries } from './support/reading.ts'
import { bringToRest, forAll, isOwnStep, play, playToRest, type Scenario, workOff } from './support/scenario.ts'
import type { World } from './support/world.ts'

function workedOff(scenario: Scenario) {
  const played = playToRest(scenario)
  workOff(played)
  return played
}

describe('rule 9, no way back forward', () => {
  test('rule 9: once the saga goes back, no action is scheduled and none is executed', () => {
    forAll(({ world, workers }) => {
      for (const { event, after } of foldsOf(world)) {
        if (event.type === 'attempt_scheduled' && event.side === 'action' && isOwnStep(event.step)) {
          expect(after.direction).toBe('forward')
        }
      }
      for (const { delivery, state } of workers.executions) {
        if (delivery.side === 'action' && isOwnStep(delivery.step)) expect(state.direction).toBe('forward')
      }
    }, workedOff)
  })

  test('rule 9: no compensation is scheduled while an attempt is in flight that began before the turn', () => {
    forAll(({ world }) => {
      for (const { event, before } of foldsOf(world)) {
        if (event.type !== 'attempt_scheduled' || event.side !== 'compensation' || before === undefined) continue
        const running = flightsOf(before).filter(({ step, side }) => side === 'action' && isOwnStep(step))
        expect(running).toEqual([])
      }
    }, playToRest)
  })

  test('rule 9: an attempt that is delivered while draining is given back, and counts as not applied', () => {
    forAll(({ workers }) => {
      for (const { why, delivery, state } of workers.refused) {
        if (why === 'turned')
          expect(state.direction === 'backward' || state.recorded !== undefined, delivery.step).toBe(true)
      }
      for (const { delivery, state } of workers.executions) {
        if (!delivery.step.startsWith('@') && delivery.side !== 'compensation') expect(state.draining).toBeUndefined()
      }
    })
  })

  test('rule 9: after the pivot a saga turns only when that is ordered', () => {
    forAll(({ world }) => {
      for (const { event, before } of foldsOf(world)) {
        if (event.type === 'saga_turned' && before?.pivoted === true) {
          const isOrdered =
            event.cause.kind === 'parent' || event.cause.kind === 'revert' || event.cause.kind === 'compensate'
          expect(isOrdered, event.cause.kind).toBe(true)
        }
      }
    }, workedOff)
  })

  test('rule 9: while the pivot is under way or in doubt, nothing turns but by an order that knows of it', () => {
    forAll(
      ({ world }) => {
        for (const { event, before, turn } of foldsOf(world)) {
          if (event.type !== 'saga_turned' || before === undefined || !isPivotOpen(world, before)) continue
          const { input } = turn
          const isKnowing = (input.type === 'compensate' && input.pastPivot === true) || input.type === 'parent_undo'
          // A parent's undo that was recorded takes the place of the dead letter that would wait for a person.
          const isParents = event.cause.kind === 'parent'
          const isAllowed = isParents || (before.status === 'dead_lettered' && isKnowing)
          expect(isAllowed, `${input.type} on ${before.status}`).toBe(true)
        }
      },
      playToRest,
      2,
    )
  })

  test('rule 9: a cancel while the pivot is under way is recorded, and takes effect only if it is not applied', () => {
    forAll(({ world }) => {
      for (const { event, before, after } of foldsOf(world)) {
        if (event.type === 'turn_recorded') {
          const mayWait = event.cause.kind === 'parent' || (before !== undefined && isPivotOpen(world, before))
          expect(mayWait, event.cause.kind).toBe(true)
          expect(after.direction).toBe(before?.direction)
          if (event.cause.kind !== 'parent') expect(after.direction).toBe('forward')
        }
        if (event.type === 'turn_dropped') expect(before?.pivoted).toBe(true)
        if (event.type !== 'saga_turned' || before?.recorded === undefined || event.cause !== before.recorded) continue
        if (before.recorded.kind !== 'parent') expect(before.pivoted).toBeUndefined()
      }
      const { recorded, pivoted } = world.state
      if (recorded !== undefined && recorded.kind !== 'parent') expect(pivoted).toBeUndefined()
    }, playToRest)
  })

  test('rule 9: a step that has come to its end is tried again only when a person says so', () => {
    forAll(
      ({ world }) => {
        const ended = new Set<string>()
        for (const { event } of foldsOf(world)) {
          if (event.type === 'step_ended') ended.add(event.step)
          if (event.type === 'saga_retried') ended.clear()
          // A saga that was stopped for want of its hook owes it for each dead letter anew.
          if (event.type === 'saga_dead_lettered' || event.type === 'saga_resolved') ended.delete('@dead-lettered')
          if (event.type === 'attempt_scheduled' && event.side === 'action')
            expect(ended.has(event.step), event.step).toBe(false)
        }
      },
      playToRest,
      2,
    )
  })
})

/** From its first delivery to its report, and in doubt: read off the state, apart from the code that decides by it. */
function isPivotOpen(world: World, state: SagaState): boolean {
  return stepsOf(world.settings.blueprint).some(({ name, pivot }) => {
    const step = state.steps[name]
    if (pivot !== true || step === undefined || step.state === 'completed' || step.state === 'failed') return false
    const inFlight = flightsOf(state).some((attempt) => attempt.step === name)
    return inFlight || step.maybeApplied === true || step.state === 'in_doubt' || step.child?.started === true
  })
}

describe('rule 10, the first error', () => {
  test('rule 10: the error that caused it stays, until a person sends the saga forward again', () => {
    forAll(({ world }) => {
      for (const { event, before, after } of foldsOf(world)) {
        // Its words are erased with the saga; which error it was stays.
        if (before?.failure === undefined || event.type === 'saga_erased') continue
        const isNewStart = event.type === 'saga_retried' && event.direction === 'forward'
        expect(after.failure).toEqual(isNewStart ? undefined : before.failure)
      }
    }, workedOff)
  })

  test('rule 10: it is the last error of the action, whatever a verification or a compensation said', () => {
    forAll(({ world }) => {
      const errors = new Map<string, unknown>()
      for (const { event, before, after } of foldsOf(world)) {
        if (event.type === 'attempt_failed' && event.side === 'action') errors.set(event.step, event.error)
        if (event.type === 'step_completed') errors.delete(event.step)
        if (event.type !== 'saga_turned' || event.cause.kind !== 'failure' || before?.failure !== undefined) continue
        expect(after.failure?.error).toEqual(errors.get(event.cause.step))
        if (after.failure !== undefined) expect(after.failure.step).toBe(event.cause.step)
      }
    })
  })

  test('rule 10: when one compensation gives up, the others are still tried', () => {
    forAll(({ world }) => {
      for (const { event, before } of foldsOf(world)) {
        if (event.type !== 'saga_dead_lettered' || event.reason !== 'compensation_exhausted' || before === undefined)
          continue
        for (const [name, step] of Object.entries(before.steps)) {
          if (isOwnStep(name) && !(name in before.branches) && step.items === undefined) {
            expect(['completed', 'in_doubt', 'compensating', 'running', 'waiting'], name).not.toContain(step.state)
          }
        }
        expect(event.step !== undefined && before.steps[event.step]?.state === 'compensation_failed').toBe(true)
      }
    }, playToRest)
  })
})

describe('rule 11, nothing is forgotten', () => {
  // That something will move the saga is asked after every input, by the world itself.
  test('rule 11: from wherever it stands, a saga comes to rest when all goes well', () => {
    forAll(({ world }) => expect(isLive(world.state.status)).toBe(false), playToRest, 4)
  })

  test('rule 11: and so it does when all that hung is never heard of again', () => {
    const until = (scenario: Scenario) => {
      const played = play(scenario)
      for (const work of played.workers.work) if (!played.workers.owns(work)) played.workers.vanish(work)
      bringToRest(played)
      return played
    }
    forAll(({ world }) => expect(isLive(world.state.status)).toBe(false), until)
  })

  test('rule 11: whoever looks whether something ought to follow finds that it has followed', () => {
    forAll(({ world }) => {
      const { events } = decide(world.blueprint, world.state, { type: 'look_again' }, world.facts())
      expect(events, world.state.status).toEqual([])
    })
  })

  test('rule 11: what is at its end waits for nothing any more, but for the hooks beside its status', () => {
    forAll(({ world }) => {
      if (!isFinished(world.state.status)) return
      expect([...world.timers.keys()].filter((timer) => !SIDE_TIMERS.includes(timer))).toEqual([])
    }, playToRest)
  })

  test('rule 11: a person who retries dead letters in a world that behaves has done with them', () => {
    forAll(({ world }) => expect(['completed', 'compensated', 'resolved']).toContain(world.state.status), workedOff, 2)
  })

  test('rule 11: a dead letter can be retried, unless it is an effect that nothing undoes', () => {
    forAll((played) => {
      const { status, deadLetter, direction } = played.world.state
      if (status !== 'dead_lettered') return
      const decision = played.world.tell({ type: 'retry', act: { actor: 'olga', reason: 'again', requestId: '1' } })
      if (decision.ignored !== undefined) expect(deadLetter?.reason).toBe('late_effect')
      else expect(decision.state.direction).toBe(direction)
    }, playToRest)
  })

  test('rule 11: a saga without code becomes a dead letter, and goes on by itself when there is code again', () => {
    forAll(
      (played) => {
        const { world, workers } = played
        if (!isLive(world.state.status) || world.state.paused === true || world.holds.length > 0) return
        for (const job of workers.queued()) {
          const work = workers.fetch(job)
          workers.begin(work, true)
          workers.report(work)
        }
        const lacking = () =>
          Object.values(world.state.steps).some((step) =>
            [step.action, step.compensation, step.verify].some((side) => side?.withheld === 'code'),
          )
        if (!lacking()) return
        tellCode(world, false)
        bringToRestWithoutCode(world)
        if (world.state.deadLetter?.reason !== 'no_code') return
        expect(lacking()).toBe(true)
        world.tell({ type: 'code_found' })
        const isStopped = world.state.status === 'dead_lettered'
        expect(isStopped ? world.state.deadLetter?.reason : world.state.direction).not.toBe('no_code')
        bringToRest(played)
      },
      play,
      2,
    )
  })

  test('rule 11: the saga says what it waits for, and only while nothing of it is in flight', () => {
    forAll(({ world }) => {
      for (const { after } of foldsOf(world)) {
        const wait = waitOf(after)
        const inFlight = flightsOf(after).length > 0
        if (wait !== null) expect(isLive(after.status) && (!inFlight || wait === 'start')).toBe(true)
      }
      const { status, paused } = world.state
      if (!isLive(status) || flightsOf(world.state).length > 0) return
      if (paused !== true) expect(waitOf(world.state), world.reasonToLive()).not.toBeNull()
    })
  })
})

/** What was in flight beside it ends; nobody fetches what is scheduled. */
function bringToRestWithoutCode(world: World): void {
  for (const job of Array.from(world.jobs.values())) {
    const { jobId, step, side, insertedAs, retryCount } = job
    world.tell(
      { type: 'returned', jobId, step, side, insertedAs, retryCount, why: 'code', limits: world.limitsOf(step) },
      job,
    )
  }
}

describe('rule 12, chosen once', () => {
  test('rule 12: a branch is chosen once, and only what it chose runs', () => {
    forAll(({ world }) => {
      const names = eventsOf(world, 'branch_chosen').map(({ step }) => step)
      expect(names).toEqual([...new Set(names)])
      for (const node of world.settings.blueprint.nodes) {
        if (node.node !== 'branch') continue
        const chosen = world.state.branches[node.name]
        for (const [option, inner] of Object.entries(node.options)) {
          if (option === chosen) continue
          for (const [name] of stepEntries(world)) expect(inner.some((other) => other.name === name)).toBe(false)
        }
      }
    }, playToRest)
  })

  test('rule 12: a child keeps its id for all attempts to start it, and gets another only after it was undone', () => {
    forAll(({ world }) => {
      const ids = new Map<string, string>()
      for (const event of world.journal) {
        if (event.type === 'child_ended' && event.outcome === 'compensated') ids.delete(event.step)
        if (event.type !== 'attempt_scheduled' || event.childId === undefined) continue
        expect(event.childId).toBe(ids.get(event.step) ?? event.childId)
        ids.set(event.step, event.childId)
      }
      for (const event of eventsOf(world, 'child_started')) expect(event.childId).not.toBe('')
      // Every child that was ever started is one that a step names, or that has undone itself.
      for (const [id, child] of world.children.byId) {
        if (child.state !== 'compensated') expect(world.state.steps[child.step]?.child?.id).toBe(id)
      }
      for (const [name, step] of stepEntries(world)) {
        if (stepOf(world.settings.blueprint, name)?.kind !== 'child') expect(step.child).toBeUndefined()
      }
    }, playToRest)
  })

  test('rule 12: the blueprint is chosen once', () => {
    forAll(({ world, scenario }) => {
      expect(eventsOf(world, 'blueprint_chosen').length).toBeLessThanOrEqual(scenario.settings.isAdopted ? 0 : 1)
      let chosen: string | null = null
      for (const { after } of foldsOf(world)) {
        if (chosen !== null) expect(after.blueprint).toBe(chosen)
        chosen = after.blueprint
      }
    }, playToRest)
  })
})
