/**
 * The short form of the fault suite: each fault that takes seconds and no rights, once, under load, on a Postgres of its
 * own. The long form is `npm run torture`; what each fault does stands in faults/.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FAULTS } from './faults/all.ts'
import { lineOf } from './report.ts'
import { playRound } from './round.ts'
import { Scene } from './scene.ts'

const SEED = 20_261
/** Whoever looks for a takeover storm needs some who could begin one. */
const WORKERS = 4
const SHORT = FAULTS.filter((fault) => fault.isShort)

describe('a load of sagas on four workers', () => {
  let scene: Scene

  beforeAll(async () => {
    scene = await Scene.open({ workers: WORKERS, hasNetwork: false, isLong: false })
  })
  afterAll(() => scene.close())

  test.each(SHORT.map((fault) => [fault.name, fault] as const))(
    'keeps every rule, each effect once and all the money: %s',
    async (name, fault) => {
      const number = SHORT.indexOf(fault) + 1
      const result = await playRound(scene, { number, seed: `${SEED}/${name}`, faults: [fault] })
      console.log(lineOf(result))
      expect(result.violations).toEqual([])
      expect(result.sagas).toBeGreaterThan(50)
    },
    180_000,
  )

  test('leaves no worker and no claim behind when the workers stop', async () => {
    await Promise.all([...scene.crew.members].map((member) => scene.crew.stop(member)))
    expect(await scene.server.query('select id from saga.saga_worker')).toEqual([])
    expect(await scene.server.query('select id from saga.saga_claim')).toEqual([])
  })
})
