/** What a decision costs as a saga grows: in proportion to its steps, whatever it does with them. */
import { describe, expect, test } from 'vitest'
import type { Blueprint } from '../../src/engine/core/blueprint.ts'
import { decide } from '../../src/engine/core/decide.ts'
import { replay } from '../../src/engine/core/evolve.ts'
import type { Input } from '../../src/engine/core/input.ts'
import { planOf } from '../../src/engine/core/plan.ts'
import type { SagaState } from '../../src/engine/core/state.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { LIMITS } from './support/given.ts'
import { ACT } from './support/world.ts'

const CANCEL: Input = { type: 'cancel', act: ACT }

function facts() {
  let ids = 0
  return { now: 1_000, newId: () => `id-${(ids += 1)}`, holds: [] }
}

function numbered<T>(count: number, make: (name: string) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(`s${index + 1}`))
}

function sequence(count: number, compensation: boolean): Blueprint {
  return blueprintOf(numbered(count, (name) => aStep(name, { compensation })))
}

function group(count: number): Blueprint {
  return blueprintOf([{ node: 'parallel', name: 'group', lanes: numbered(count, (name) => [aStep(name)]) }])
}

/** All steps but the last are completed, and that one runs. */
function atTheLast(count: number): SagaState {
  const steps: Record<string, SagaState['steps'][string]> = {}
  const action = { attempts: 1, failures: 0, lost: 0, since: 1 }
  for (let order = 1; order < count; order += 1) steps[`s${order}`] = { state: 'completed', order, action, round: 1 }
  const flight = { jobId: 'job', attempt: 1 }
  steps[`s${count}`] = { state: 'running', order: count, action: { ...action, flight }, round: 1 }
  const start = decide(sequence(1, false), undefined, { type: 'start', blueprint: 'hash' }, facts()).state
  return { ...start, steps, starts: count }
}

function reportOf(step: string, jobId = 'job'): Input {
  const delivery = { step, side: 'action' as const, jobId, insertedAs: 1, retryCount: 0 }
  return {
    type: 'failed',
    ...delivery,
    verdict: 'rejected',
    error: { name: 'Error', message: 'no' },
    retryDelayMs: 0,
    limits: LIMITS,
  }
}

/** Each prepares a saga of so many steps, and returns what is measured. */
const WORK: { readonly [name: string]: (count: number) => () => unknown } = {
  'going back over steps that nothing undoes': (count) => {
    const [blueprint, state] = [sequence(count, false), atTheLast(count)]
    return () => decide(blueprint, state, reportOf(`s${count}`), facts())
  },
  'one report in a long sequence': (count) => {
    const [blueprint, state] = [sequence(count, true), atTheLast(count)]
    return () => decide(blueprint, state, { ...reportOf(`s${count}`), type: 'succeeded' } as Input, facts())
  },
  'starting a group': (count) => {
    const blueprint = group(count)
    return () => decide(blueprint, undefined, { type: 'start', blueprint: 'hash' }, facts())
  },
  'cancelling a group, and its plan': (count) => {
    const blueprint = group(count)
    const { state } = decide(blueprint, undefined, { type: 'start', blueprint: 'hash' }, facts())
    return () => [decide(blueprint, state, CANCEL, facts()), planOf(blueprint, state, 'cancel', facts())]
  },
  'folding a journal': (count) => {
    const blueprint = group(count)
    const { events } = decide(blueprint, undefined, { type: 'start', blueprint: 'hash' }, facts())
    return () => replay(blueprint, events)
  },
}

/** CPU time of this process, the least of several runs: what else the machine does is not in it. */
function cost(work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < 5; run += 1) {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

describe('the cost of a decision', () => {
  // Eight times the steps: eight times the work, or sixty-four times where it is quadratic.
  test.each(Object.keys(WORK))('grows with the number of steps, not with its square: %s', (name) => {
    const prepare = WORK[name] as (typeof WORK)[string]
    cost(prepare(300))
    const [small, large] = [cost(prepare(300)), cost(prepare(2_400))]
    expect(large / Math.max(small, 500)).toBeLessThan(30)
  })

  test('takes a fresh id for each attempt that it schedules, and no more', () => {
    let taken = 0
    const newId = () => `id-${(taken += 1)}`
    decide(group(3), undefined, { type: 'start', blueprint: 'hash' }, { ...facts(), newId })
    expect(taken).toBe(3)
    const state = atTheLast(2)
    decide(sequence(2, true), state, reportOf('s2'), { ...facts(), newId })
    expect(taken).toBe(4)
  })
})
