import { describe, expect, test } from 'vitest'
import { Dice } from './dice.ts'
import { COMPANIONS, FAULTS } from './faults/all.ts'
import { DEFINITIONS, planned } from './load.ts'
import type { RoundPlan } from './round.ts'
import { scheduled } from './schedule.ts'

const ROUNDS = 40

function firstRounds(seed: number) {
  const rounds = scheduled(seed, FAULTS, COMPANIONS)
  return Array.from({ length: ROUNDS }, () => {
    const plan = rounds.next().value as RoundPlan
    return `${plan.number} ${plan.seed} ${plan.faults.map(({ name }) => name).join(' + ')}`
  })
}

describe('a schedule', () => {
  test('is repeated by its seed, and is another with another', () => {
    expect(firstRounds(7)).toEqual(firstRounds(7))
    expect(firstRounds(8)).not.toEqual(firstRounds(7))
  })

  test('begins with every fault once, alone', () => {
    const first = firstRounds(7).slice(0, FAULTS.length)
    const names = first.map((round) => round.split(' ').slice(2).join(' '))
    expect([...names].sort()).toEqual(FAULTS.map(({ name }) => name).sort())
  })

  test('plans a load that has all definitions, refusals and ways, the same for the same seed', () => {
    const load = (seed: string) => {
      const dice = new Dice(seed)
      return Array.from({ length: 200 }, (_, index) => planned(dice, `${index}`))
    }
    expect(load('a')).toEqual(load('a'))
    expect(load('b')).not.toEqual(load('a'))
    expect(new Set(load('a').map(({ definition }) => definition))).toEqual(new Set(DEFINITIONS))
    expect(new Set(load('a').map(({ input }) => `${input.receipt} ${input.isRefused}`)).size).toBe(6)
  })
})
