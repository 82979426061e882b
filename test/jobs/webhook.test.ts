/** Signatures, checked against the example of the standard; and how long a call that fails is waited with. */
import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { alertDelay } from '../../src/jobs/alert-loop.ts'
import { signatureOf, webhookProblem } from '../../src/jobs/webhook.ts'

const secret = (byte: number) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`

describe('a signature', () => {
  test('is that of the Standard Webhooks', () => {
    // The example of https://github.com/standard-webhooks/standard-webhooks, in its libraries' tests.
    const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
    const body = '{"test": 2432232314}'
    expect(signatureOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', id, 1614265330, body)).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    )
  })

  test('of several secrets is one for each of them, so that the receiver can change from one to the next', () => {
    const sign = (byte: number) => createHmac('sha256', Buffer.alloc(24, byte)).update('id.1.{}').digest('base64')
    expect(signatureOf([secret(1), secret(2)], 'id', 1, '{}')).toBe(`v1,${sign(1)} v1,${sign(2)}`)
  })

  test('can be made of what is accepted as a webhook, and of nothing else', () => {
    const url = 'https://example.org/hook'
    expect(webhookProblem({ url, secret: secret(1) })).toBeUndefined()
    expect(webhookProblem({ url, secret: [secret(1), secret(2)] })).toBeUndefined()
    expect(webhookProblem({ url, secret: [secret(1), 'whsec_'] })).toMatch(/webhook.secret/)
    expect(webhookProblem({ url: undefined as never, secret: secret(1) })).toMatch(/webhook.url/)
  })
})

describe('a call that fails', () => {
  test('is repeated after 5 s, then later and later, up to 15 minutes apart', () => {
    const delays = Array.from({ length: 40 }, (_, index) => alertDelay(index + 1))
    expect(delays.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000])
    expect(delays.at(-1)).toBe(900_000)
    expect(delays).toEqual([...delays].sort((a, b) => a - b))
  })
})
