/** The transition table against what sagas really do: it promises nothing else, and nothing that does not happen. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DEAD_LETTER_REASONS,
  FINISHED_STATUSES,
  isFinished,
  isLive,
  LIVE_STATUSES,
  STATUSES,
  STEP_STATES,
  TRANSITIONS,
} from '../../src/engine/core/machine.ts'
import { aStep, blueprintOf } from './support/blueprints.ts'
import { Given } from './support/given.ts'
import { foldsOf } from './support/reading.ts'
import { forAll, playToRest, type Scenario, scenarios, workOff } from './support/scenario.ts'

type Seen = { readonly rows: Set<string>; readonly steps: Set<string>; readonly reasons: Set<string> }

const rowOf = (event: string, from: string | null | undefined, to: string) => `${event}: ${from ?? 'nothing'} → ${to}`

describe('the transition table', () => {
  test('has every change of status that ever happens, and every state of a step is a known one', () => {
    const known = new Set(TRANSITIONS.map(({ event, from, to }) => rowOf(event, from, to)))
    forAll(({ world }) => {
      for (const { event, before, after } of foldsOf(world)) {
        if (before?.status !== after.status) expect(known).toContain(rowOf(event.type, before?.status, after.status))
        for (const step of Object.values(after.steps)) expect(STEP_STATES).toContain(step.state)
      }
    }, playToRest)
  })

  // The seed is fixed: these runs are a corpus, and it shows that the random world reaches all of the machine.
  test('has no row, no state of a step and no reason for a dead letter that never happens', () => {
    const seen: Seen = { rows: new Set(), steps: new Set(), reasons: new Set() }
    for (const scenario of fc.sample(scenarios, { numRuns: 3_000, seed: 7 })) look(seen, scenario)
    lateEffectOfACompensatedSaga(seen)
    expect([...seen.rows].toSorted()).toEqual(
      TRANSITIONS.map(({ event, from, to }) => rowOf(event, from, to)).toSorted(),
    )
    expect([...seen.steps].toSorted()).toEqual([...STEP_STATES].toSorted())
    expect([...seen.reasons].toSorted()).toEqual([...DEAD_LETTER_REASONS].toSorted())
  })

  test('has one label for each arrow, and arrows only between statuses', () => {
    for (const { from, to, label } of TRANSITIONS) {
      expect(STATUSES).toContain(to)
      if (from !== null) expect(STATUSES).toContain(from)
      expect(label).not.toBe('')
    }
    const arrows = TRANSITIONS.map(({ event, from, to }) => rowOf(event, from, to))
    expect(arrows).toEqual([...new Set(arrows)])
  })

  test('a status is live, finished or a dead letter, and never two of them', () => {
    for (const status of STATUSES) {
      expect([isLive(status), isFinished(status), status === 'dead_lettered'].filter(Boolean)).toHaveLength(1)
    }
    expect([...LIVE_STATUSES, ...FINISHED_STATUSES]).toHaveLength(STATUSES.length - 1)
    // Nothing leaves a resolved saga.
    expect(TRANSITIONS.filter(({ from }) => from === 'resolved')).toEqual([])
  })
})

function look(seen: Seen, scenario: Scenario): void {
  const played = playToRest(scenario)
  workOff(played)
  for (const { event, before, after } of foldsOf(played.world)) {
    if (before?.status !== after.status) seen.rows.add(rowOf(event.type, before?.status, after.status))
    if ('step' in event && event.step !== undefined) seen.steps.add(after.steps[event.step]?.state ?? 'pending')
    if (after.deadLetter !== undefined) seen.reasons.add(after.deadLetter.reason)
  }
}

/** Too rare to wait for: the effect of a step that a verification had cleared, and that nothing undoes. */
function lateEffectOfACompensatedSaga(seen: Seen): void {
  const saga = new Given(blueprintOf([aStep('mail', { compensation: false, verify: true })]))
  const late = { type: 'succeeded' as const, ...saga.delivery('mail') }
  saga
    .isLost('mail')
    .succeeds('mail', 'verify', { found: 'not_applied' })
    .fails('mail', 'action', { verdict: 'rejected' })
  const from = saga.state.status
  saga.when(late)
  seen.rows.add(rowOf('saga_dead_lettered', from, saga.state.status))
  if (saga.state.deadLetter !== undefined) seen.reasons.add(saga.state.deadLetter.reason)
}
