/** The verbs: what they do, what they refuse, and what they leave in the journal (rule 14). */
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const by = (reason = 'a test') => ({ actor: 'ada', reason })

/** What goes wrong, for as long as a test wants it to. */
let broken = new Set<string>()
let undone: string[] = []

const work = (step: string) => ({
  action: () => {
    if (broken.has(`refuse ${step}`)) throw new StepRejected(`${step} is refused.`)
    if (broken.has(`away ${step}`)) throw new StepNotApplied(`${step} is away.`)
    return step
  },
  compensation: {
    run: () => {
      if (broken.has(`undo ${step}`)) throw new StepRejected(`${step} cannot be undone.`)
      undone.push(step)
    },
    retry: QUICK,
  },
})

const saga = defineSaga('trip', { version: 1, input: z.object({}) })
  .step('flight', { ...work('flight'), retry: QUICK })
  .step('hotel', {
    ...work('hotel'),
    retry: { maxAttempts: 50, backoff: 'fixed', initialInterval: '1h', maxInterval: '1h' },
  })
  .step('ticket', { ...work('ticket'), retry: QUICK })
  .pivot()
  .step('mail', { ...work('mail'), retry: QUICK })

describe('an operator', () => {
  let database: TestDatabase
  let engine: SagaEngine

  beforeAll(async () => {
    database = await testDatabase()
  })
  beforeEach(async () => {
    broken = new Set()
    undone = []
    engine = await startEngine(database.connectionString, [saga])
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  async function deadLetter(...faults: string[]): Promise<string> {
    broken = new Set(faults)
    const { id } = await engine.enqueue(saga, {})
    expect((await engine.outcome(id)).status).toBe('dead_lettered')
    broken = new Set()
    return id
  }

  test('retries a dead letter from where it stopped, and attempt numbers go on', async () => {
    const id = await deadLetter('away mail')
    expect(await engine.get(id)).toMatchObject({
      reason: 'past_pivot',
      fits: ['retry', 'compensate', 'resolve', 'edit_input', 'complete'],
    })
    const plan = await engine.operator.plan(id, 'retry')
    expect(plan.steps).toEqual([{ step: 'mail', will: 'run' }])
    await engine.operator.retry(id, { ...by('the mailer is back'), plan: plan.hash })
    expect((await engine.outcome(id)).status).toBe('completed')
    const journal = await engine.journal(id)
    expect(journal.find(({ event }) => event.type === 'saga_retried')?.event).toMatchObject({
      act: { actor: 'ada', reason: 'the mailer is back', plan: plan.hash },
    })
    expect((await engine.get(id))?.steps.find((step) => step.name === 'mail')?.attempts).toBe(4)
    const { rows } = await database.pool.query(
      `select from pgboss.job where name = 'saga_dead_letter' and data ->> 'saga' = $1`,
      [id],
    )
    expect(rows).toHaveLength(0)
  })

  test('retries a compensation that gave up, and the error that caused it all stays', async () => {
    const id = await deadLetter('refuse ticket', 'undo flight')
    expect(await engine.outcome(id)).toMatchObject({
      reason: 'compensation_exhausted',
      undone: ['hotel'],
      notUndone: ['flight'],
      failure: { step: 'ticket' },
    })
    await engine.operator.retry(id, by())
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      undone: ['flight', 'hotel'],
      failure: { step: 'ticket' },
    })
    expect(undone).toEqual(['hotel', 'flight'])
  })

  test('needs the right to undo what is past the pivot, and then it is undone', async () => {
    const id = await deadLetter('refuse mail')
    await expect(engine.operator.compensate(id, by())).rejects.toMatchObject({
      code: 'ORDER_REFUSED',
      details: { reason: 'needs_admin' },
    })
    const plan = await engine.operator.plan(id, 'compensate', { pastPivot: true })
    expect(plan.steps).toEqual([
      { step: 'ticket', will: 'compensate' },
      { step: 'hotel', will: 'compensate' },
      { step: 'flight', will: 'compensate' },
    ])
    await engine.operator.compensate(id, { ...by(), pastPivot: true, plan: plan.hash })
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(undone).toEqual(['ticket', 'hotel', 'flight'])
  })

  test('cancels a live saga, which is undone', async () => {
    broken.add('away hotel')
    const { id } = await engine.enqueue(saga, {})
    await journalled(engine, id, 'attempt_failed')
    const plan = await engine.operator.plan(id, 'cancel')
    expect(plan.steps).toEqual([{ step: 'flight', will: 'compensate' }])
    await engine.operator.cancel(id, { ...by('the customer called'), plan: plan.hash })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['flight'] })
    const turned = (await engine.journal(id)).find(({ event }) => event.type === 'saga_turned')?.event
    expect(turned).toMatchObject({ cause: { kind: 'cancel', actor: 'ada' }, act: { reason: 'the customer called' } })
  })

  test('skips a backoff', async () => {
    broken.add('away hotel')
    const { id } = await engine.enqueue(saga, {})
    await journalled(engine, id, 'attempt_failed')
    expect(await engine.get(id)).toMatchObject({ waiting: 'retry' })
    broken.clear()
    await engine.operator.retry(id, by())
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('pauses and resumes', async () => {
    broken.add('away hotel')
    const { id } = await engine.enqueue(saga, {})
    await journalled(engine, id, 'attempt_failed')
    await engine.operator.pause(id, by())
    await expect(engine.operator.pause(id, by())).rejects.toMatchObject({
      code: 'ORDER_REFUSED',
      details: { reason: 'already_so' },
    })
    await engine.operator.retry(id, by())
    expect(await engine.get(id)).toMatchObject({ status: 'running', paused: true })
    broken.clear()
    await engine.operator.resume(id, by())
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('holds a step, and releases what waited for it', async () => {
    const hold = await engine.operator.hold(
      { definition: 'trip', step: 'hotel', side: 'action' },
      by('the hotel API is down'),
    )
    expect(await engine.operator.hold({ definition: 'trip', step: 'hotel' }, { ...by(), requestId: 'twice' })).toBe(
      await engine.operator.hold({ definition: 'trip', step: 'hotel' }, { ...by(), requestId: 'twice' }),
    )
    const started = await engine.enqueueMany(
      saga,
      Array.from({ length: 5 }, () => ({ input: {} })),
    )
    await until(
      'five sagas wait for the hold',
      async () =>
        (await engine.list({ definition: 'trip' })).sagas.filter((one) => one.waiting === 'hold').length === 5,
    )
    for (const { id } of await engine.operator.holds()) if (id !== hold) await engine.operator.release(id, by())
    expect((await engine.list({})).sagas.filter((one) => one.waiting === 'hold')).toHaveLength(5)
    await engine.operator.release(hold, by('it is back'))
    for (const one of started) if (one.ok) expect((await engine.outcome(one.id)).status).toBe('completed')
    expect(await engine.operator.holds()).toEqual([])
    await expect(engine.operator.release(hold, by())).rejects.toMatchObject({ code: 'HOLD_NOT_FOUND' })
  })

  test('can leave a release half done: a worker goes on with it', async () => {
    const hold = await engine.operator.hold({ definition: 'trip', step: 'hotel' }, by())
    const other = await engine.operator.hold({ definition: 'trip', step: 'hotel', side: 'compensation' }, by())
    const { id } = await engine.enqueue(saga, {})
    await until('it waits for the hold', async () => (await engine.get(id))?.waiting === 'hold')
    // As if the process had died right after the hold itself was released.
    await database.pool.query('update saga.saga_hold set released_at = now() where id = $1', [hold])
    expect((await engine.outcome(id)).status).toBe('completed')
    await engine.operator.release(other, by())
  })

  test('resolves what was handled outside, for good', async () => {
    const id = await deadLetter('refuse mail')
    await engine.operator.resolve(id, { ...by('sent by hand'), as: 'completed' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'resolved', resolvedAs: 'completed' })
    await expect(engine.operator.retry(id, by())).rejects.toMatchObject({
      code: 'ORDER_REFUSED',
      details: { fits: ['erase'] },
    })
  })

  test('reruns a compensated saga as a new one that is linked to it', async () => {
    broken.add('refuse ticket')
    const { id } = await engine.enqueue(saga, {})
    await engine.outcome(id)
    broken.clear()
    const first = await engine.operator.rerun(id, { ...by(), requestId: 'rerun-1' })
    const second = await engine.operator.rerun(id, { ...by(), requestId: 'rerun-1' })
    expect(second).toEqual({ sagaId: id, newSagaId: first.newSagaId, repeated: true })
    expect((await engine.outcome(first.newSagaId)).status).toBe('completed')
    expect((await engine.list({ rerunOf: id })).sagas.map((one) => one.id)).toEqual([first.newSagaId])
  })

  test('acts once, however often the same request comes', async () => {
    const id = await deadLetter('refuse mail')
    const request = { ...by(), requestId: 'click-1' }
    const done = await Promise.all([
      engine.operator.retry(id, request),
      engine.operator.retry(id, request),
      engine.operator.retry(id, request),
    ])
    expect(done.filter((one) => !one.repeated)).toHaveLength(1)
    await engine.outcome(id)
    const retried = (await engine.journal(id)).filter(({ event }) => event.type === 'saga_retried')
    expect(retried).toHaveLength(1)
  })

  test('may call its request, itself and its reason what it likes', async () => {
    const id = await deadLetter('refuse mail')
    const odd = 'a "quoted\\" one, {null}, \u0001 and ’n emoji 🙂'
    await engine.operator.retry(id, { actor: odd, reason: odd, requestId: odd })
    expect(await engine.operator.retry(id, { actor: odd, reason: odd, requestId: odd })).toMatchObject({
      repeated: true,
    })
    const retried = (await engine.journal(id)).find(({ event }) => event.type === 'saga_retried')
    expect(retried).toMatchObject({ event: { act: { actor: odd, reason: odd, requestId: odd } } })
  })

  test('is not told that something was done when its request id has ordered something else', async () => {
    const id = await deadLetter('refuse mail')
    const request = { ...by(), requestId: 'once' }
    await engine.operator.retry(id, request)
    await engine.outcome(id)
    await expect(engine.operator.resolve(id, { ...request, as: 'completed' })).rejects.toMatchObject({
      code: 'REQUEST_REUSED',
    })
    expect((await engine.get(id))?.status).toBe('completed')
    const hold = await engine.operator.hold({ definition: 'trip', step: 'mail' }, request)
    expect(await engine.operator.hold({ definition: 'trip', step: 'mail' }, request)).toBe(hold)
    await expect(engine.operator.hold({ definition: 'trip' }, request)).rejects.toMatchObject({
      code: 'REQUEST_REUSED',
    })
    await engine.operator.release(hold, by())
  })

  test.each([
    ['a definition that nothing has', { definition: 'tripp' }, 'DEFINITION_UNKNOWN'],
    ['a step that no version has', { definition: 'trip', step: 'hotle' }, 'DEFINITION_UNKNOWN'],
    ['no definition', {} as { definition: string }, 'ACT_INVALID'],
    ['a side that is none', { definition: 'trip', side: 'sideways' as 'action' }, 'ACT_INVALID'],
    ['U+0000', { definition: 'trip', step: 'a\u0000' }, 'ACT_INVALID'],
  ])('cannot hold %s', async (_what, scope, code) => {
    await expect(engine.operator.hold(scope, by())).rejects.toMatchObject({ code })
    expect(await engine.operator.holds()).toEqual([])
  })

  test('is asked for the right to release with what is held', async () => {
    const hold = await engine.operator.hold({ definition: 'trip', step: 'mail' }, by())
    const targets: unknown[] = []
    const guarded = await startEngine(database.connectionString, [saga], {
      authorize: (_actor, _action, target) => {
        targets.push(target)
        return true
      },
    })
    await guarded.operator.release(hold, by())
    expect(targets).toEqual([{ definition: 'trip', step: 'mail' }])
    await expect(engine.operator.release(hold, by())).rejects.toMatchObject({ code: 'HOLD_NOT_FOUND' })
  })

  test('is refused a plan that has changed, with the new one', async () => {
    const id = await deadLetter('refuse mail')
    await expect(engine.operator.retry(id, { ...by(), plan: 'another' })).rejects.toMatchObject({
      code: 'PLAN_CHANGED',
      details: { plan: { steps: [{ step: 'mail', will: 'run' }] } },
    })
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })

  test('must say who and why, and name a saga that exists', async () => {
    const id = await deadLetter('refuse mail')
    await expect(engine.operator.retry(id, { actor: 'ada', reason: ' ' })).rejects.toMatchObject({
      code: 'ACT_INVALID',
    })
    await expect(engine.operator.retry(id, { actor: '', reason: 'x' })).rejects.toMatchObject({ code: 'ACT_INVALID' })
    await expect(engine.operator.retry('nonsense', by())).rejects.toMatchObject({ code: 'SAGA_NOT_FOUND' })
  })

  test('is asked for the right before every verb', async () => {
    const asked: string[] = []
    const guarded = await startEngine(database.connectionString, [saga], {
      authorize: (_actor, action) => {
        asked.push(action)
        return action === 'enqueue'
      },
    })
    const { id } = await guarded.enqueue(saga, {})
    const { operator } = guarded
    const refused = [
      operator.retry(id, by()),
      operator.compensate(id, by()),
      operator.compensate(id, { ...by(), pastPivot: true }),
      operator.cancel(id, by()),
      operator.pause(id, by()),
      operator.resume(id, by()),
      operator.resolve(id, { ...by(), as: 'completed' }),
      operator.rerun(id, by()),
      operator.hold({ definition: 'trip' }, by()),
      operator.release(id, by()),
    ]
    for (const one of await Promise.allSettled(refused)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'NOT_AUTHORIZED' } })
    }
    expect(asked.sort()).toEqual([
      'cancel',
      'compensate',
      'compensate_past_pivot',
      'enqueue',
      'hold',
      'pause',
      'release',
      'rerun',
      'resolve',
      'resume',
      'retry',
    ])
    await guarded.outcome(id)
  })
})
