/** Rules 1 to 4, as far as the pure core carries them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/engine/core/decide.ts'
import type { SagaEvent } from '../../src/engine/core/events.ts'
import type { Report } from '../../src/engine/core/input.ts'
import { violations } from '../../src/engine/core/invariants.ts'
import { flightsOf, type SagaState } from '../../src/engine/core/state.ts'
import { make } from './support/moves.ts'
import { nonsense } from './support/nonsense.ts'
import { foldsOf, freeTime, throughJson } from './support/reading.ts'
import { forAll, play, playToRest, runs, scenarios } from './support/scenario.ts'
import { Workers } from './support/workers.ts'
import { deepFreeze, type Turn } from './support/world.ts'

/** What takes an attempt out of flight. A verification that is used up ends with what it failed to find out, too. */
const SETTLES: readonly SagaEvent['type'][] = [
  'attempt_returned',
  'attempt_failed',
  'attempt_lost',
  'step_completed',
  'branch_chosen',
  'map_started',
  'hook_completed',
  'step_verified',
  'child_started',
  'child_undo_asked',
  'step_compensated',
  'blueprint_chosen',
]

describe('rule 1, one transaction', () => {
  test('rule 1: every attempt that is scheduled inserts one job, under a fresh id, and nothing else does', () => {
    forAll(({ world }) => {
      const known = new Set<string>()
      for (const { decision, commands } of world.turns) {
        const scheduled = decision.events.filter((event) => event.type === 'attempt_scheduled')
        const inserted = commands.filter((command) => command.type === 'insert_job')
        expect(inserted.map(({ jobId, step, side, attempt }) => ({ jobId, step, side, attempt }))).toEqual(
          scheduled.map(({ jobId, step, side, attempt }) => ({ jobId, step, side, attempt })),
        )
        for (const { jobId } of inserted) {
          expect(known).not.toContain(jobId)
          known.add(jobId)
        }
      }
    })
  })

  test('rule 1: every attempt is settled once, or is in flight', () => {
    forAll(({ world }) => {
      const settled = new Map<string, number>()
      for (const event of world.journal) {
        if (!SETTLES.includes(event.type) || !('attempt' in event)) continue
        const isUsedUp = event.type === 'step_verified' && event.outcome === 'unknown'
        const name = `${event.step}:${event.side}:${event.attempt}`
        if (!isUsedUp || !settled.has(name)) settled.set(name, (settled.get(name) ?? 0) + 1)
      }
      for (const { step, side, flight } of flightsOf(world.state)) {
        expect(settled.has(`${step}:${side}:${flight.attempt}`)).toBe(false)
      }
      for (const event of world.journal.filter((event) => event.type === 'attempt_scheduled')) {
        const name = `${event.step}:${event.side}:${event.attempt}`
        const isInFlight = flightsOf(world.state).some(({ flight }) => flight.jobId === event.jobId)
        if (!isInFlight) expect(settled.get(name), name).toBe(1)
      }
    })
  })

  test('rule 1: what is ignored changes nothing, and what is not ignored is journalled', () => {
    forAll(({ world }) => {
      for (const { before, decision, commands } of world.turns) {
        if (decision.ignored === undefined) expect(decision.events).not.toEqual([])
        else {
          expect(decision.events).toEqual([])
          expect(commands).toEqual([])
          expect(decision.state).toBe(before)
        }
      }
    })
  })

  test('rule 1: a timer is set for each moment that a saga waits for', () => {
    forAll(({ world }) => {
      for (const [name, step] of Object.entries(world.state.steps)) {
        for (const side of ['action', 'compensation', 'verify'] as const) {
          const due = step[side]?.due
          // One that has passed waits for its turn, not for its moment.
          if (due !== undefined && due > world.now) expect(world.timers.get(`${name}:${side}`)).toBe(due)
        }
      }
    })
  })
})

describe('rule 2, deciding purely', () => {
  test('rule 2: the same blueprint, state, input and facts give the same decision', () => {
    forAll(({ world }) => {
      for (const { blueprint, before, input, facts, decision } of world.turns) {
        const again = decide(throughJson(blueprint), before && throughJson(before), throughJson(input), facts())
        expect(throughJson(again)).toEqual(throughJson(decision))
      }
    })
  })

  // Everything that a world hands in is frozen: an input that is changed throws.
  test('rule 2: no input in any state is an exception, nor does it leave an unsound state', () => {
    fc.assert(
      fc.property(scenarios, fc.array(nonsense, { minLength: 1, maxLength: 10 }), (scenario, inputs) => {
        const { world } = play(scenario)
        let state: SagaState = world.state
        for (const make of inputs) {
          const input = deepFreeze(make(state))
          state = deepFreeze(decide(world.blueprint, state, input, world.facts()).state)
          expect(violations(world.blueprint, state)).toEqual([])
        }
      }),
      runs(),
    )
  })

  test('rule 2: every moment in the journal comes from the facts or the input', () => {
    forAll(({ world }) => {
      for (const { event, turn } of foldsOf(world)) {
        if (event.type === 'attempt_scheduled') expect(event.at).toBe(turn.facts().now)
        if (event.type === 'attempt_failed' && event.retryAt !== undefined) {
          expect(event.retryAt).toBe(
            turn.facts().now + (turn.input as Extract<Report, { type: 'failed' }>).retryDelayMs,
          )
        }
      }
    })
  })

  test('rule 2: only a start may come first, and a second one is ignored', () => {
    forAll(
      ({ world }) => {
        expect(() => decide(world.blueprint, undefined, { type: 'start_due' }, world.facts())).toThrow('start')
        expect(world.tell({ type: 'start', blueprint: 'hash' }).ignored).toEqual({ reason: 'already_so' })
      },
      play,
      0.1,
    )
  })
})

describe('rule 3, one saga at a time', () => {
  test('rule 3: what is decided of a saga does not depend on other sagas decided in between', () => {
    fc.assert(
      fc.property(scenarios, scenarios, (one, other) => {
        const alone = play(one).world.journal
        const first = play({ ...one, moves: [] })
        const second = play({ ...other, moves: [] })
        const workers = [new Workers(first.world), new Workers(second.world)] as const
        for (let at = 0; at < Math.max(one.moves.length, other.moves.length); at += 1) {
          const [mine, theirs] = [one.moves[at], other.moves[at]]
          if (mine !== undefined) make(first.world, workers[0], mine)
          if (theirs !== undefined) make(second.world, workers[1], theirs)
        }
        expect(first.world.journal).toEqual(alone)
      }),
      runs(0.5),
    )
  })
})

describe('rule 4, one attempt is one delivery', () => {
  test('rule 4: attempts are numbered from 1 without a gap, and never again from the start', () => {
    forAll(({ world }) => {
      const highest = new Map<string, number>()
      for (const { event, before } of foldsOf(world)) {
        if (event.type === 'blueprint_chosen') highest.clear()
        if (event.type !== 'attempt_scheduled' && event.type !== 'attempt_lost') continue
        const name = `${event.step}:${event.side}`
        const last = highest.get(name) ?? 0
        if (event.type === 'attempt_scheduled') expect(event.attempt, name).toBe(last + 1)
        else expect(event.attempt, name).toBe(before?.steps[event.step]?.[event.side]?.flight?.attempt)
        const next = event.type === 'attempt_lost' && event.redelivered === true ? event.attempt + 1 : event.attempt
        highest.set(name, Math.max(last, next))
      }
    }, playToRest)
  })

  test('rule 4: the report of the k-th redelivery of attempt n is of attempt n + k, after the others are lost', () => {
    forAll(({ world }) => {
      for (const { before, input, decision } of world.turns) {
        const flight = flightOf(before, input)
        if (!isReport(input) || flight === undefined || input.superseded === true || decision.ignored !== undefined)
          continue
        if (flight.jobId !== input.jobId) continue
        const attempt = input.insertedAs + input.retryCount
        const lost = decision.events.slice(0, attempt - flight.attempt)
        expect(lost).toEqual(
          lost.map((_, index) => ({
            type: 'attempt_lost',
            step: input.step,
            side: input.side,
            attempt: flight.attempt + index,
            redelivered: true,
          })),
        )
        expect(decision.events[lost.length]).toMatchObject({ step: input.step, side: input.side, attempt })
      }
    })
  })

  test('rule 4: a report of any other delivery settles nothing', () => {
    forAll(({ world }) => {
      for (const { before, input, decision } of world.turns) {
        const flight = flightOf(before, input)
        if (!isReport(input) || before === undefined) continue
        if (flight?.jobId === input.jobId && input.superseded !== true) continue
        const jobs = flightsOf(decision.state).map((inFlight) => inFlight.flight.jobId)
        for (const { flight } of flightsOf(before)) expect(jobs).toContain(flight.jobId)
      }
    })
  })

  test('rule 4: lost deliveries use up their own limit, reported failures theirs, and time theirs while they may run', () => {
    forAll(({ world }) => {
      for (const { event, after } of foldsOf(world)) {
        if (event.type !== 'attempt_failed' && event.type !== 'attempt_lost') continue
        const side = after.steps[event.step]?.[event.side]
        const { maxAttempts } = world.limitsOf(event.step)
        expect(side?.failures ?? 0).toBeLessThanOrEqual(event.step === '@adopt' ? 1_000 : maxAttempts)
      }
      for (const [index, { before, input, decision }] of world.turns.entries()) {
        if (!isReport(input) || (input.type !== 'failed' && input.type !== 'lost') || before?.status !== 'running')
          continue
        const { events } = decision
        const reported = events.find((event) => event.type === `attempt_${input.type}`)
        if (reported === undefined || input.step.startsWith('@') || before.recorded !== undefined) continue
        const side = world.turns.length > 0 ? decision.state.steps[input.step]?.[input.side] : undefined
        const { maxAttempts, maxLost, maxDurationMs } = input.limits
        const isRejected = input.type === 'failed' && input.verdict === 'rejected'
        const usedUp =
          input.type === 'failed' ? isRejected || (side?.failures ?? 0) >= maxAttempts : (side?.lost ?? 0) >= maxLost
        const ended = events.some((event) => event.type === 'step_ended' || event.type === 'step_verified')
        // A verification that ended has its counts begin again.
        if (input.side !== 'action') continue
        if (input.type === 'failed' && maxDurationMs !== undefined && !usedUp) {
          // No time that was not its own ends a step.
          if (ended) expect(freeTime(world, index, input.step, 'action') + 100).toBeGreaterThan(maxDurationMs)
        } else expect(ended, JSON.stringify(events)).toBe(usedUp)
      }
    })
  })
})

function isReport(input: Turn['input']): input is Report {
  return ['succeeded', 'failed', 'lost', 'returned'].includes(input.type)
}

function flightOf(state: SagaState | undefined, input: Turn['input']) {
  return isReport(input) ? state?.steps[input.step]?.[input.side]?.flight : undefined
}
