/** Sagas that are started by the clock: once for all workers, and once for what was missed. */
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineSchedule, sagasFor } from '../../src/index.ts'
import { lastDue } from '../../src/jobs/cron.ts'
import { SCHEDULE_QUEUE } from '../../src/jobs/queues.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { until } from '../support/waiting.ts'

const report = sagasFor<{ services: unknown; tx: unknown }>()('report', {
  version: 1,
  input: z.object({ at: z.string() }),
}).step('write', { action: ({ input }) => input.at })

const nightly = defineSchedule(report, {
  name: 'nightly',
  cron: '0 3 * * *',
  tz: 'Europe/Berlin',
  input: (at) => ({ at: at.toISOString() }),
})
const fixed = defineSchedule(report, { name: 'fixed', cron: '*/5 * * * *', input: { at: 'always' }, missed: 'skip' })

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await database.drop()
})

const due = (schedule: string, about = '') =>
  database.pool.query(
    `insert into pgboss.job (name, data${about === '' ? '' : ', created_on'}) values ($1, $2${about === '' ? '' : ', $3::timestamptz'})`,
    [SCHEDULE_QUEUE, JSON.stringify({ schedule }), ...(about === '' ? [] : [about])],
  )
const sagas = async () =>
  (await database.pool.query('select id, key from saga.saga order by id')).rows as { id: string; key: string }[]
const jobs = async () =>
  (await database.pool.query('select data from pgboss.job where name = $1', [SCHEDULE_QUEUE])).rows

describe('a schedule', () => {
  test('is stored with pg-boss, which sends a job when it is due', async () => {
    const engine = await startEngine(database.connectionString, [report], { schedules: [nightly, fixed] })
    const stored = await database.pool.query(
      'select key, cron, timezone, options from pgboss.schedule where name = $1 order by key',
      [SCHEDULE_QUEUE],
    )
    expect(stored.rows).toMatchObject([
      { key: 'fixed', cron: '*/5 * * * *', timezone: 'UTC' },
      { key: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin', options: { missed: 'once' } },
    ])
    expect(stored.rows[0].options?.missed).toBeUndefined()
    const views = await engine.system.schedules()
    expect(views.filter(({ kind }) => kind === 'saga').map(({ name }) => name)).toEqual(['fixed', 'nightly'])
    expect(
      views
        .filter(({ kind }) => kind === 'maintenance')
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['analysis', 'cleanup', 'recovery', 'statistics'])
    await stopEngine(engine)
  })

  test('starts its saga when it is due, with a key of its name and moment, and its job is gone with that', async () => {
    const engine = await startEngine(database.connectionString, [report], { schedules: [nightly, fixed] })
    await due('nightly', '2030-06-01T01:00:07.5Z')
    await until('it is started', async () => (await sagas()).length === 1)
    const [saga] = await sagas()
    expect(saga?.key).toBe('nightly@2030-06-01T01:00Z')
    expect(await engine.outcome(saga?.id ?? '', { definition: report })).toMatchObject({
      results: { write: '2030-06-01T01:00:00.000Z' },
    })
    expect(await jobs()).toEqual([])
    await stopEngine(engine)
  })

  test.each([
    // Sent two minutes late; at once; made up for after the week-end; in another time zone; on 29 February.
    ['*/5 * * * *', 'UTC', '2030-06-01T09:02:31Z', '2030-06-01T09:00:00.000Z'],
    ['*/5 * * * *', 'UTC', '2030-06-01T09:05:00Z', '2030-06-01T09:05:00.000Z'],
    ['55 23 * * *', 'UTC', '2030-06-02T00:20:00Z', '2030-06-01T23:55:00.000Z'],
    ['0 3 * * 5', 'Europe/Berlin', '2030-06-03T08:00:00Z', '2030-05-31T01:00:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2031-06-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('of %s in %s, sent at %s, was due at %s', async (cron, tz, sentAt, dueAt) => {
    const boss = new PgBoss({ connectionString: database.connectionString, schedule: false })
    expect(lastDue(boss, { cron, tz }, new Date(sentAt))?.toISOString()).toBe(dueAt)
  })

  test('that is made up for a day later gets the moment at which it was due', async () => {
    const engine = await startEngine(database.connectionString, [report], { schedules: [nightly] })
    await due('nightly', '2030-07-02T00:30:00Z')
    await until('it is started', async () => (await sagas()).some(({ key }) => key === 'nightly@2030-07-01T01:00Z'))
    await stopEngine(engine)
  })

  test('starts one saga for one moment, however many jobs and workers there are', async () => {
    const engines = await Promise.all(
      [1, 2].map(() => startEngine(database.connectionString, [report], { schedules: [nightly] })),
    )
    for (let count = 0; count < 4; count += 1) await due('nightly', '2030-06-02T01:00:01Z')
    await until('all are seen to', async () => (await jobs()).length === 0)
    expect((await sagas()).filter(({ key }) => key === 'nightly@2030-06-02T01:00Z')).toHaveLength(1)
    await Promise.all(engines.map(stopEngine))
  })

  test('is left to a worker that knows it, for as long as a day', async () => {
    const other = await startEngine(database.connectionString, [report], { schedules: [fixed] })
    await due('nightly', '2030-06-03T01:00:00Z')
    await until('it is given back', async () => JSON.stringify(await jobs()).includes('2030-06-03T01:00:00.000Z'))
    await stopEngine(other)
    await database.pool.query(`update pgboss.job set start_after = now() where name = $1`, [SCHEDULE_QUEUE])
    const engine = await startEngine(database.connectionString, [report], { schedules: [nightly] })
    await until('it is started', async () => (await sagas()).some(({ key }) => key === 'nightly@2030-06-03T01:00Z'))
    await stopEngine(engine)
    const last = await startEngine(database.connectionString, [report], { schedules: [fixed] })
    await database.pool.query(
      `insert into pgboss.job (name, data) values ($1, '{"schedule":"nightly","at":"2020-01-01T00:00:00Z"}')`,
      [SCHEDULE_QUEUE],
    )
    await until('it is forgotten', async () => (await jobs()).length === 0)
    expect((await sagas()).some(({ key }) => key.includes('2020'))).toBe(false)
    await stopEngine(last)
  })

  test('whose input is refused says so, and its job stays until it can be started', async () => {
    const told: unknown[] = []
    const quiet = () => {}
    const logger = { debug: quiet, info: quiet, warn: quiet, error: (about: object) => void told.push(about) }
    const bad = defineSchedule(report, { name: 'bad', cron: '* * * * *', input: () => ({ at: 7 }) as never })
    const engine = await startEngine(database.connectionString, [report], { schedules: [bad], logger })
    await due('bad')
    await until(
      'it is told',
      async () => JSON.stringify(told).includes('INPUT_INVALID') || JSON.stringify(told).includes('at:'),
    )
    expect(await jobs()).toHaveLength(1)
    expect((await sagas()).some(({ key }) => key.startsWith('bad'))).toBe(false)
    await stopEngine(engine)
    const good = defineSchedule(report, { name: 'bad', cron: '* * * * *', input: { at: 'good' } })
    await database.pool.query(`update pgboss.job set state = 'created', start_after = now() where name = $1`, [
      SCHEDULE_QUEUE,
    ])
    const mended = await startEngine(database.connectionString, [report], { schedules: [good] })
    await until('it is started', async () => (await sagas()).some(({ key }) => key.startsWith('bad@')))
    await stopEngine(mended)
  })

  test('ends when it is told to, and only then', async () => {
    const engine = await startEngine(database.connectionString, [report])
    // What cannot be written down does not end.
    await database.pool.query('alter table saga.saga_audit add constraint full_up check (false) not valid')
    try {
      await expect(engine.system.unschedule('nightly')).rejects.toThrow('full_up')
    } finally {
      await database.pool.query('alter table saga.saga_audit drop constraint full_up')
    }
    expect(await engine.system.unschedule('nightly')).toBe(true)
    expect(await engine.system.unschedule('nightly')).toBe(false)
    expect((await engine.system.schedules()).some(({ name }) => name === 'nightly')).toBe(false)
    expect((await engine.system.schedules()).some(({ name }) => name === 'fixed')).toBe(true)
    await stopEngine(engine)
  })
})

describe('a schedule cannot', () => {
  test.each([
    [{ name: 'Nightly' }, 'its name is of small letters'],
    [{ cron: '' }, 'cron is a cron expression'],
    [{ missed: 'often' }, "missed is 'once' or 'skip'"],
    [{ input: undefined }, 'input is missing'],
  ])('have %j', (wrong, says) => {
    const make = () => defineSchedule(report, { name: 'n', cron: '* * * * *', input: { at: '' }, ...wrong } as never)
    expect(make).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(make).toThrow(says)
  })

  test('have the name of another one, or a cron expression that is none', async () => {
    const options = { schedules: [nightly, nightly] }
    await expect(startEngine(database.connectionString, [report], options)).rejects.toThrow(
      'Two schedules are called nightly',
    )
    const wrong = defineSchedule(report, { name: 'wrong', cron: 'at night', input: { at: '' } })
    const started = startEngine(database.connectionString, [report], { schedules: [wrong] })
    await expect(started).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(started).rejects.toThrow('The schedule wrong cannot be scheduled')
  })
})
