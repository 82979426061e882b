/** Inputs that fit nothing, or only by accident: what a confused shell, a hostile client or bad luck may bring. */
import fc from 'fast-check'
import type { Input, Limits, Report } from '../../../src/engine/core/input.ts'
import { flightsOf, type SagaState } from '../../../src/engine/core/state.ts'
import { ACT } from './world.ts'

const names = fc.constantFrom(
  's1',
  's2',
  's3',
  'b1',
  'p2',
  '@adopt',
  '@completed',
  '@compensated',
  '@dead-lettered',
  '@resolved',
  '@no-such-hook',
  'constructor',
  '__proto__',
  'toString',
  '',
)
const sides = fc.constantFrom('action' as const, 'compensation' as const, 'verify' as const)
const limits: fc.Arbitrary<Limits> = fc.record({
  maxAttempts: fc.constantFrom(0, 1, 2, Number.POSITIVE_INFINITY),
  maxLost: fc.constantFrom(0, 1, 2, Number.MAX_SAFE_INTEGER),
  whenExhausted: fc.constantFrom('compensate' as const, 'dead_letter' as const),
})

const words = fc.oneof(
  fc.record({ type: fc.constant('succeeded' as const) }),
  fc.record({ type: fc.constant('succeeded' as const), option: fc.constantFrom('x', 'nope', 'constructor', null) }),
  fc.record({
    type: fc.constant('succeeded' as const),
    found: fc.constantFrom('applied' as const, 'not_applied' as const, 'unknown' as const),
  }),
  fc.record({
    type: fc.constant('failed' as const),
    verdict: fc.constantFrom('rejected' as const, 'not_applied' as const, 'in_doubt' as const),
    error: fc.record({ name: fc.string(), message: fc.string() }),
    retryDelayMs: fc.constantFrom(-1, 0, 0.5, 1_000),
  }),
  fc.record({ type: fc.constant('lost' as const) }),
  fc.record({
    type: fc.constant('returned' as const),
    why: fc.constantFrom('pause' as const, 'hold' as const, 'code' as const, 'turned' as const),
  }),
)

/** Of an attempt in flight, or of one that never was. */
const reports = fc
  .record({
    words,
    step: names,
    side: sides,
    limits,
    at: fc.nat(3),
    off: fc.nat(2),
    retryCount: fc.nat(2),
    isKnown: fc.boolean(),
  })
  .map(({ words, step, side, limits, at, off, retryCount, isKnown }) => (state: SagaState): Input => {
    const flights = flightsOf(state)
    const inFlight = isKnown ? flights[at % Math.max(1, flights.length)] : undefined
    const delivery =
      inFlight === undefined
        ? { step, side, jobId: 'nobody', insertedAs: off, retryCount }
        : {
            step: inFlight.step,
            side: inFlight.side,
            jobId: inFlight.flight.jobId,
            insertedAs: inFlight.flight.attempt,
            retryCount,
          }
    return { ...words, ...delivery, limits } as Report
  })

const act = fc.constant(ACT)
const others: fc.Arbitrary<Input> = fc.oneof(
  fc.record({ type: fc.constant('start' as const), blueprint: fc.constant(null) }),
  fc.record({
    type: fc.constantFrom(
      'start_due' as const,
      'at_front' as const,
      'deadline_due' as const,
      'hold_released' as const,
      'code_found' as const,
      'parent_undo' as const,
    ),
  }),
  fc.record({ type: fc.constant('retry_due' as const), step: names, side: sides }),
  fc.record({ type: fc.constant('code_missing' as const), step: names }),
  fc.record({
    type: fc.constant('child_ended' as const),
    step: names,
    childId: fc.constantFrom('nobody', 'id-1-1', 'id-1-2'),
    outcome: fc.constantFrom('completed' as const, 'compensated' as const),
    limits,
  }),
  fc.record({
    type: fc.constantFrom(
      'retry' as const,
      'cancel' as const,
      'pause' as const,
      'resume' as const,
      'revert' as const,
      'compensate' as const,
    ),
    act,
  }),
  fc.record({
    type: fc.constant('resolve' as const),
    as: fc.constantFrom('completed' as const, 'compensated' as const),
    act,
  }),
  fc.record({ type: fc.constant('rerun' as const), newSagaId: fc.string(), act }),
)

export const nonsense: fc.Arbitrary<(state: SagaState) => Input> = fc.oneof(
  { weight: 3, arbitrary: reports },
  { weight: 2, arbitrary: others.map((input) => () => input) },
)
