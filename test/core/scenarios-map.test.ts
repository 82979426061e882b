/** Maps, example by example: a step for each item of a list. */
import { describe, expect, test } from 'vitest'
import type { MapNode, StepNode } from '../../src/engine/core/blueprint.ts'
import { undoOrder } from '../../src/engine/core/frontier.ts'
import { inLines, isPlan, planOf } from '../../src/engine/core/plan.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given, LIMITS } from './support/given.ts'
import { ACT } from './support/world.ts'

function aMap(parts: { readonly collect?: true } = {}, item: Partial<StepNode> = {}): MapNode {
  return { node: 'map', name: 'each', item: { ...aStep('each'), ...item }, ...parts }
}

/** A saga whose list is known: `count` items, `concurrency` of them at a time. */
function listed(count: number, concurrency: number, map = aMap()): Given {
  const saga = new Given(blueprintOf([aStep('before'), map, aStep('after')]))
  return saga.succeeds('before').succeeds('each', 'action', { items: { count, concurrency } })
}

function succeedsWith(saga: Given, ...indexes: readonly number[]): Given {
  for (const index of indexes) saga.succeeds(`each[${index}]`)
  return saga
}

describe('a map', () => {
  test('runs its items in order, no more of them at a time than its limit', () => {
    const saga = listed(4, 2)
    expect(saga.story).toEqual(['map_started each', 'attempt_scheduled each[0]', 'attempt_scheduled each[1]'])
    expect(saga.succeeds('each[1]').story).toEqual(['step_completed each[1]', 'attempt_scheduled each[2]'])
    expect(saga.succeeds('each[2]').attempts.at(-1)).toBe('each[3]')
    expect(saga.succeeds('each[0]').story).toEqual(['step_completed each[0]'])
    expect(saga.succeeds('each[3]').attempts.at(-1)).toBe('after')
    expect(saga.succeeds('after').summary).toBe('completed')
  })

  test('of an empty list is done at once', () => {
    expect(listed(0, 5).story).toEqual(['map_started each', 'attempt_scheduled after'])
  })

  test('keeps its place for an item that waits for its next attempt', () => {
    const saga = listed(3, 1)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('each[0]', 'action', { verdict: 'not_applied' })
    expect(saga.attempts).toEqual(['before', 'each', 'each[0]'])
    expect(saga.isDue('each[0]').attempts.at(-1)).toBe('each[0]')
  })

  test('stops when an item fails, and undoes the items together, the last one first', () => {
    const saga = succeedsWith(listed(4, 2), 0, 1)
    saga.fails('each[2]', 'action', { verdict: 'rejected' })
    expect(saga.state.draining).toBe(true)
    saga.succeeds('each[3]')
    const undone = saga.attempts.filter((attempt) => attempt.startsWith('compensation'))
    expect(undone).toEqual(['compensation each[3]', 'compensation each[1]'])
    expect(saga.succeeds('each[3]', 'compensation').attempts.at(-1)).toBe('compensation each[0]')
    saga.succeeds('each[0]', 'compensation')
    expect(saga.succeeds('each[1]', 'compensation').attempts.at(-1)).toBe('compensation before')
    expect(saga.succeeds('before', 'compensation').summary).toBe('compensated')
  })

  test('names the items that it undoes in the reverse of their order', () => {
    const saga = succeedsWith(listed(3, 3), 2, 0, 1)
    expect(undoOrder(saga.state)).toEqual(['each[2]', 'each[1]', 'each[0]', 'before'])
  })

  test('with collect goes on past items that fail', () => {
    const saga = listed(2, 2, aMap({ collect: true }))
    saga.fails('each[0]', 'action', { verdict: 'rejected' })
    expect(saga.story).toEqual(['attempt_failed each[0]', 'step_ended each[0]', 'item_collected each[0]'])
    saga.fails('each[1]')
    expect(saga.step('each[1]').state).toBe('in_doubt')
    expect(saga.attempts.at(-1)).toBe('after')
    expect(saga.succeeds('after').summary).toBe('completed')
  })

  test('with collect undoes what is done and what is in doubt, when a later step fails', () => {
    const saga = listed(3, 3, aMap({ collect: true }))
    saga.fails('each[0]', 'action', { verdict: 'rejected' }).fails('each[1]').succeeds('each[2]')
    saga.fails('after', 'action', { verdict: 'rejected' })
    const undone = saga.attempts.filter((attempt) => attempt.startsWith('compensation'))
    expect(undone).toEqual(['compensation each[2]', 'compensation each[1]'])
  })

  test('without a compensation says of each item that it stays', () => {
    const saga = succeedsWith(listed(2, 2, aMap({}, { compensation: false })), 0, 1)
    saga.fails('after', 'action', { verdict: 'rejected' })
    expect(saga.story).toContain('step_skipped each[1]')
    expect(saga.attempts.at(-1)).toBe('compensation before')
  })

  test('undoes once more an item whose late effect turns up', () => {
    const saga = listed(2, 2)
    const late = saga.delivery('each[0]')
    saga.fails('each[0]', 'action', { timedOut: true }).succeeds('each[1]')
    saga.succeeds('each[1]', 'compensation').succeeds('each[0]', 'compensation').succeeds('before', 'compensation')
    expect(saga.summary).toBe('compensated')
    saga.when({ type: 'succeeded', ...late })
    expect(saga.attempts.at(-1)).toBe('compensation each[0]')
    expect(saga.succeeds('each[0]', 'compensation').summary).toBe('compensated')
  })

  test('undoes an item that comes to its end after another one was found not applied', () => {
    const saga = listed(3, 3, aMap({}, { verify: true }))
    saga.limits = { ...LIMITS, maxAttempts: 3 }
    saga.fails('each[2]').isDue('each[2]')
    expect(saga.attempts.at(-1)).toBe('verify each[2]')
    saga.fails('each[0]', 'action', { verdict: 'rejected' })
    expect(saga.state.draining).toBe(true)
    saga.succeeds('each[2]', 'verify', { found: 'not_applied' })
    expect(saga.succeeds('each[1]').attempts.at(-1)).toBe('compensation each[1]')
    expect(saga.succeeds('each[1]', 'compensation').attempts.at(-1)).toBe('compensation before')
  })

  test('tries again the items whose undoing gave up, when a person says so', () => {
    const saga = succeedsWith(listed(2, 1), 0, 1).fails('after', 'action', { verdict: 'rejected' })
    saga.fails('each[1]', 'compensation').succeeds('each[0]', 'compensation').succeeds('before', 'compensation')
    expect(saga.summary).toBe('dead_lettered: compensation_exhausted each[1]')
    expect(saga.ordered('retry').attempts.at(-1)).toBe('compensation each[1]')
    expect(saga.succeeds('each[1]', 'compensation').summary).toBe('compensated')
  })

  test('undoes an item again whose undoing failed, whatever became of those before it meanwhile', () => {
    const saga = succeedsWith(listed(3, 2), 0, 1, 2)
    saga.limits = { ...LIMITS, maxAttempts: 2 }
    saga.fails('after', 'action', { verdict: 'rejected' })
    saga.succeeds('each[1]', 'compensation').fails('each[2]', 'compensation')
    expect(saga.succeeds('each[0]', 'compensation').state.status).toBe('compensating')
    expect(saga.isDue('each[2]', 'compensation').attempts.at(-1)).toBe('compensation each[2]')
    saga.succeeds('each[2]', 'compensation')
    expect(saga.attempts.at(-1)).toBe('compensation before')
  })

  test('is held with all its items, and goes on with them', () => {
    const saga = listed(3, 2)
    saga.holds = [{ step: 'each' }]
    expect(saga.succeeds('each[0]').story).toEqual(['step_completed each[0]', 'step_withheld each[2]'])
    saga.holds = []
    expect(saga.when({ type: 'hold_released' }).attempts.at(-1)).toBe('each[2]')
  })

  test('has one line in a plan for the items that share a fate', () => {
    const saga = succeedsWith(listed(5, 2), 0, 1, 2)
    const facts = { now: 2_000, newId: () => 'id', holds: [] }
    const plan = planOf(saga.blueprint, saga.state, 'cancel', facts)
    expect(isPlan(plan) && inLines(plan.steps)).toEqual([
      { step: 'each', will: 'finish', items: 2 },
      { step: 'each', will: 'compensate', items: 5 },
      { step: 'before', will: 'compensate' },
    ])
  })

  test('can have an item settled by hand, and goes on with the next', () => {
    const saga = listed(2, 1)
    saga.limits = { ...LIMITS, whenExhausted: 'dead_letter' }
    saga.fails('each[0]')
    expect(saga.summary).toBe('dead_lettered: forward_exhausted each[0]')
    saga.when({ type: 'complete', step: 'each[0]', act: ACT })
    expect(saga.attempts.at(-1)).toBe('each[1]')
  })
})
