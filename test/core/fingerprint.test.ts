/** Error groups: what makes two errors the same one, and what does not. */
import { describe, expect, test } from 'vitest'
import { errorGroupOf, messagePattern } from '../../src/engine/core/fingerprint.ts'
import type { DeadLetterReason } from '../../src/engine/core/machine.ts'
import { EMPTY_SIDE, type ErrorInfo, type SagaState } from '../../src/engine/core/state.ts'

describe('the pattern of a message', () => {
  test.each([
    ['numbers', 'Card 4242 was refused after 1,5 s.', 'Card 17 was refused after 20 s.'],
    ['UUIDs', 'No order 0190b1f2-7a3c-7abc-8def-0123456789ab.', 'No order 0190b1f2-9999-7abc-8def-ba9876543210.'],
    ['ids', 'Charge ch_3KxA is gone.', 'Charge ch_9ZZ1 is gone.'],
    ['hexadecimal with and without digits', 'Commit deadbeefcafe failed.', 'Commit 0xDEAD12 failed.'],
    ['quoted text', `User "ada \\"x\\"" is unknown, can't go on`, `User 'Bob O'Hara' is unknown, can't go on`],
    ['other quotation marks', 'No “room 7”, no `bed`.', 'No «chambre», no ‘lit’.'],
    ['addresses of people', 'Mail to ada+1@example.org bounced', 'Mail to bob@mail.example.com bounced'],
    ['URLs', 'GET https://a.example/x?y=z failed', 'GET http://b.example:80/q failed'],
    [
      'times and hosts',
      'Lost 10.0.0.1:5432 at 2026-01-02T03:04:05.678Z',
      'Lost 10.0.0.22:5432 at 2025-11-30T00:00:00Z',
    ],
    ['the length of a list', 'Items 1, 2 and 3 are gone', 'Items 4, 5, 6, 7 and 8 are gone'],
    ['white space', 'It  broke\n  here', 'It broke here '],
  ])('leaves out %s', (_what, one, other) => {
    expect(messagePattern(one)).toBe(messagePattern(other))
  })

  test.each([
    ['words', 'The card was refused.', 'The card has expired.'],
    ['words between apostrophes', `It can't be and it won't do.`, `It can't see and it won't do.`],
    ['words beside what is left out', 'Order 7 is paid.', 'Order 7 is lost.'],
  ])('keeps %s', (_what, one, other) => {
    expect(messagePattern(one)).not.toBe(messagePattern(other))
  })

  test('takes no time, whatever the message is', () => {
    const texts = [`'`, `'a`, 'a@', '1-', '1.', '"\\', '„', 'a', '#', '://', '1'].map((text) => text.repeat(1_000))
    const startedAt = performance.now()
    for (const text of texts) messagePattern(text)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })
})

describe('the group of a dead letter', () => {
  const refused: ErrorInfo = { name: 'StepRejected', code: 'CARD_DECLINED', message: 'Card 1 is refused.' }
  const dead = (
    error: ErrorInfo | undefined,
    change: { reason?: DeadLetterReason; step?: string; direction?: SagaState['direction'] } = {},
  ): SagaState => {
    const { reason = 'past_pivot', step = 'charge', direction = 'forward' } = change
    const entry = { state: 'failed', order: 1, round: 1, action: EMPTY_SIDE } as const
    return {
      format: 1,
      status: 'dead_lettered',
      direction,
      blueprint: 'b',
      deadLetter: { reason, step, jobId: 'j' },
      steps: { [step]: error === undefined ? entry : { ...entry, error } },
      branches: {},
      starts: 1,
    }
  }

  test('stays what it is: it is stored, and compared with what later versions make', () => {
    expect(errorGroupOf('order', dead(refused))).toBe('1:cee30bee603c1d29')
  })

  test('is the same for the same error of another saga', () => {
    expect(errorGroupOf('order', dead({ ...refused, message: 'Card 2 is refused.' }))).toBe(
      errorGroupOf('order', dead(refused)),
    )
  })

  test('is the same for all items of a map', () => {
    const [one, other] = [dead(refused, { step: 'each[0]' }), dead(refused, { step: 'each[41]' })]
    expect(errorGroupOf('order', one)).toBe(errorGroupOf('order', other))
  })

  test.each([
    ['definition', errorGroupOf('trip', dead(refused))],
    ['step', errorGroupOf('order', dead(refused, { step: 'ship' }))],
    ['direction', errorGroupOf('order', dead(refused, { direction: 'backward' }))],
    ['reason', errorGroupOf('order', dead(refused, { reason: 'forward_exhausted' }))],
    ['code', errorGroupOf('order', dead({ ...refused, code: 'CARD_EXPIRED' }))],
    ['name, where there is no code', errorGroupOf('order', dead({ name: 'Error', message: refused.message }))],
    ['message', errorGroupOf('order', dead({ ...refused, message: 'Card 1 is lost.' }))],
  ])('is another one for another %s', (_what, other) => {
    expect(other).not.toBe(errorGroupOf('order', dead(refused)))
  })

  test('is the code’s where there is one, whatever the error’s name', () => {
    expect(errorGroupOf('order', dead({ ...refused, name: 'Wrapped' }))).toBe(errorGroupOf('order', dead(refused)))
  })

  test('does not depend on what went wrong before its code was missing', () => {
    const reason = { reason: 'no_code' } as const
    expect(errorGroupOf('order', dead(refused, reason))).toBe(errorGroupOf('order', dead(undefined, reason)))
  })

  test('is that of the first error where the step itself has none', () => {
    const state = { ...dead(undefined), failure: { step: 'pay', error: refused } }
    expect(errorGroupOf('order', state)).toBe(errorGroupOf('order', dead(refused)))
  })

  test('is there for dead letters only', () => {
    const { deadLetter: _dead, ...rest } = dead(refused)
    expect(errorGroupOf('order', { ...rest, status: 'running' })).toBeNull()
  })
})
