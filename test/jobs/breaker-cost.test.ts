/** What a breaker costs that has nothing to say: nothing on the way of a saga. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { StepNotApplied, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const SAGAS = 200
const LOOK = 'select b.definition, b.step'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const input = z.object({})
let failing = 0
const action = () => {
  if (failing === 0) return
  failing -= 1
  throw new StepNotApplied('Not now.')
}

describe('a breaker of a step that succeeds', () => {
  let database: TestDatabase
  let sent: string[]
  const query = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => unknown

  beforeEach(async () => {
    failing = 0
    database = await testDatabase()
    sent = []
    pg.Client.prototype.query = function told(this: pg.Client, ...args: unknown[]) {
      const [statement] = args as [string | { text?: string }]
      const text = typeof statement === 'string' ? statement : (statement.text ?? '')
      // Sizes of batches stand in some statements.
      sent.push(text.replaceAll(/\s+/g, ' ').replaceAll(/\d+/g, 'N').trim())
      return Reflect.apply(query, this, args)
    } as typeof pg.Client.prototype.query
  })
  afterEach(async () => {
    pg.Client.prototype.query = query as typeof pg.Client.prototype.query
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  /** The statements of an engine that runs two hundred sagas, with how many commits it took. */
  async function statements(name: string, more: object): Promise<readonly string[]> {
    const saga = defineSaga(name, { version: 1, input }).step('pay', { action, retry: QUICK, ...more })
    const engine = await startEngine(database.connectionString, [saga], { notify: false })
    sent = []
    const items = Array.from({ length: SAGAS }, () => ({ input: {} }))
    for (const one of await engine.enqueueMany(saga, items))
      if (one.ok) expect((await engine.outcome(one.id)).status).toBe('completed')
    const taken = sent
    await stopEngine(engine)
    return taken
  }

  const isOfBreakers = (statement: string) => statement.includes('saga_breaker')

  test('adds no statement to the two hundred sagas that pass it, but a look twice a second', async () => {
    const breaker = { failures: 5, cooldown: '30s' }
    const without = await statements('plain', {})
    const startedAt = performance.now()
    const using = await statements('guarded', { breaker })
    const looks = using.filter(isOfBreakers)
    expect(without.filter(isOfBreakers)).toEqual([])
    expect(looks.filter((statement) => !statement.startsWith(LOOK))).toEqual([])
    expect(looks.length).toBeLessThanOrEqual((performance.now() - startedAt) / 500 + 1)
    // Nothing is read or written in another way either: whatever is sent with a breaker is sent without one.
    const known = new Set(without)
    const occasional = /saga_worker|saga_timer|saga_hold|saga_operation|pg_|pgboss\.(queue|version|schedule)|saga_claim/
    const others = using.filter((one) => !isOfBreakers(one) && !known.has(one) && !occasional.test(one))
    // On a busy machine somebody has to look twice, or to come again; what a breaker does it would do with each commit.
    const commits = using.filter((one) => one.startsWith('with s as materialized')).length
    expect(commits).toBeGreaterThan(0)
    expect(others.filter((one) => others.filter((other) => other === one).length >= commits)).toEqual([])
    const { rows } = await database.pool.query('select step from saga.saga_breaker')
    expect(rows).toEqual([])
  })

  test('writes when there is something to say, however many commits it takes', async () => {
    failing = 3
    const using = await statements('shaky', { breaker: { failures: 100, cooldown: '30s' } })
    const writes = using.filter((statement) => statement.startsWith('update') && isOfBreakers(statement))
    expect(writes.length).toBeGreaterThan(0)
    expect(writes.length).toBeLessThanOrEqual(8)
    await until('it is written', async () => {
      const { rows } = await database.pool.query('select failures, state from saga.saga_breaker')
      return rows[0]?.state === 'closed'
    })
  })
})
