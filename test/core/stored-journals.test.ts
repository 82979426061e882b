/**
 * Journals as earlier versions wrote them. They are never written anew: where one of these tests fails, an event has
 * got another meaning, and the sagas that are stored have other states than their journals (rule 13).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Blueprint } from '../../src/engine/core/blueprint.ts'
import { EVENT_TYPES, type SagaEvent } from '../../src/engine/core/events.ts'
import { evolve, replay } from '../../src/engine/core/evolve.ts'
import { violations } from '../../src/engine/core/invariants.ts'
import type { SagaState } from '../../src/engine/core/state.ts'
import { throughJson } from './support/reading.ts'

type Stored = {
  readonly about: string
  readonly blueprint: Blueprint
  readonly events: readonly SagaEvent[]
  readonly state: SagaState
}

const FOLDER = join(import.meta.dirname, 'fixtures')
const STORED = readdirSync(FOLDER).map((file) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Stored)

describe('a stored journal', () => {
  test.each(STORED)('rule 13: gives the state that was stored with it. $about', ({ blueprint, events, state }) => {
    expect(throughJson(replay(blueprint, events))).toEqual(state)
    expect(violations(blueprint, state)).toEqual([])
    let folded: SagaState | undefined
    for (const event of events) folded = evolve(blueprint, folded, event)
    expect(throughJson(folded)).toEqual(state)
  })

  test('has events of every type, all of them together', () => {
    const types = new Set(STORED.flatMap(({ events }) => events.map(({ type }) => type)))
    expect(EVENT_TYPES.filter((type) => !types.has(type))).toEqual([])
  })
})
