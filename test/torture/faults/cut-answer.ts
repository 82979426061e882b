/** The answer of a statement is cut off: what it did is done, or comes about later, and the worker does not know. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from '../dice.ts'
import { type Fault, PATIENCE_MS } from '../fault.ts'
import type { Line } from '../proxy.ts'
import type { Scene } from '../scene.ts'
import { busyMember } from './victims.ts'

const COMMIT = /^commit$/i
const FETCH = /skip locked/i
const TIMES = 4
/** Before the worker looks a second time, a few seconds later. */
const LATEST_MS = 3_000

/** A COMMIT can be under way for a while after its client has gone: one time in three. */
function lateness(dice: Dice): { readonly lateMs?: number } {
  return dice.fraction() < 1 / 3 ? { lateMs: dice.whole(50, LATEST_MS) } : {}
}

const NOTHING = 'no such statement came by'

/** Whether it does before long. */
function happens(cut: Promise<void>): Promise<boolean> {
  const limit = new AbortController()
  const never = delay(PATIENCE_MS, false, { signal: limit.signal }).catch(() => false)
  return Promise.race([cut.then(() => true), never]).finally(() => limit.abort())
}

async function someLine(scene: Scene): Promise<Line> {
  const { line } = await busyMember(scene)
  return line ?? scene.clientLine
}

export const cutCommit: Fault = {
  name: 'cut-commit',
  says: 'the answer of a COMMIT is lost (committers, transactional steps, starts and verbs); some arrive late',
  isShort: true,
  keepsWorkers: true,
  async strike(scene, dice) {
    for (let time = 0; time < TIMES; time += 1) {
      const application = dice.one(['pg-saga committer', 'pg-saga transactions', 'pg-saga'])
      const line = application === 'pg-saga' ? scene.clientLine : await someLine(scene)
      if (!(await happens(line.cut({ application, statement: COMMIT, ...lateness(dice) })))) return [NOTHING]
    }
    return []
  },
}

export const cutFetch: Fault = {
  name: 'cut-fetch',
  says: 'the answer of a fetch is lost, or that of the COMMIT that claims what it fetched; some arrive late',
  isShort: true,
  keepsWorkers: true,
  async strike(scene, dice) {
    for (let time = 0; time < TIMES; time += 1) {
      const line = await someLine(scene)
      // A fetch whose own answer is lost is rolled back; one whose COMMIT is not answered owns what nobody knows of.
      const isCommit = time % 2 === 1
      const late = isCommit ? lateness(dice) : {}
      const statement = isCommit ? COMMIT : FETCH
      if (!(await happens(line.cut({ application: 'pg-saga fetch', statement, ...late })))) return [NOTHING]
    }
    return []
  },
}
