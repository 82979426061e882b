/** Which sagas come first, where not all can run at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, defineContract, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest } from '../support/waiting.ts'

const ran: string[] = []
const input = z.object({ name: z.string(), fail: z.boolean().optional() })
const contract = defineContract('ordered', { version: 1, input })
const ordered = sagasFor()(contract)
  .step('first', {
    action: (ctx) => void ran.push(`${ctx.input.name} first`),
    compensation: (ctx) => void ran.push(`${ctx.input.name} undo`),
  })
  .step('second', {
    action: (ctx) => {
      ran.push(`${ctx.input.name} second`)
      if (ctx.input.fail === true) throw new StepRejected('No.')
    },
  })
const urgent = sagasFor()('urgent', { version: 1, input, priority: 7 }).step('only', {
  action: (ctx) => void ran.push(ctx.input.name),
})

describe('priority', () => {
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>

  beforeAll(async () => {
    database = await testDatabase()
    client = createSagaClient({ connectionString: database.connectionString })
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await client.close()
    await database.drop()
  })

  test('runs what is started later first, before a backlog of lower ones, all of it', async () => {
    const backlog = Array.from({ length: 20 }, (_, index) => ({ input: { name: `low ${index}`, fail: index === 0 } }))
    await client.enqueueMany(ordered, backlog)
    await client.enqueueMany(ordered, [
      { input: { name: 'least' }, priority: -1000 },
      { input: { name: 'high', fail: true }, priority: 1 },
    ])
    await client.enqueue(urgent, { name: 'urgent' })
    await client.enqueue(urgent, { name: 'not so urgent' }, { priority: -1 })
    await client.enqueue(contract, { name: 'highest' }, { priority: 1000 })
    await startEngine(database.connectionString, [ordered, urgent], { concurrency: 1 })
    await atRest(database.pool, 25)
    // Undoing comes before going on, and that before starting; but first of all comes what has priority.
    const highest = ['highest first', 'highest second']
    const high = ['high first', 'high second', 'high undo']
    const low0 = ['low 0 first', 'low 0 second', 'low 0 undo', 'low 1 first', 'low 1 second']
    expect(ran.slice(0, 11)).toEqual([...highest, 'urgent', ...high, ...low0])
    expect(ran.slice(-3)).toEqual(['not so urgent', 'least first', 'least second'])
  })

  test('is seen in the summary and in the view, and goes on to a rerun', async () => {
    const { sagas } = await client.list({ definition: 'ordered', status: 'compensated' })
    const high = sagas.find((saga) => saga.priority === 1)
    expect(sagas.map((saga) => saga.priority).toSorted((a, b) => a - b)).toEqual([0, 1])
    const { rows } = await database.pool.query(
      `select priority from saga.overview where definition = 'urgent' order by 1`,
    )
    expect(rows).toEqual([{ priority: -1 }, { priority: 7 }])
    const { newSagaId } = await client.operator.rerun(high?.id ?? '', { actor: 'ada', reason: 'again' })
    expect((await client.get(newSagaId))?.priority).toBe(1)
  })

  test.each([1.5, 1001, -1001, '5', Number.NaN, null])(
    'of %s is refused, at the start and when defined',
    async (priority) => {
      const options = { priority: priority as number }
      await expect(client.enqueue(urgent, { name: 'none' }, options)).rejects.toMatchObject({
        code: 'NAME_INVALID',
        message: expect.stringContaining('a whole number from -1000 to 1000'),
      })
      const [result] = await client.enqueueMany(urgent, [{ input: { name: 'none' }, ...options }])
      expect(result).toMatchObject({ ok: false, error: { code: 'NAME_INVALID' } })
      for (const define of [defineContract, sagasFor()]) {
        expect(() => define('wrong', { version: 1, input, ...options })).toThrow(
          expect.objectContaining({ code: 'DEFINITION_INVALID', message: expect.stringContaining('At priority') }),
        )
      }
      expect((await client.list({ definition: 'urgent' })).sagas).toHaveLength(2)
    },
  )
})
