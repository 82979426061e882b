/** How much comes in, from whom, and what is said when it is too much. */
import { describe, expect, test } from 'vitest'
import { Allowances } from '../../src/dashboard/security/limits.ts'
import type { SagaClient } from '../../src/index.ts'
import { ADA, dashboardFor, get, post, SAME_ORIGIN } from './requests.ts'

/** No page of these tests gets as far as the engine. */
const client = { forReading: () => ({}) } as unknown as SagaClient

describe('an allowance', () => {
  test('is so many a minute for each person, and comes back with time', () => {
    const allowances = new Allowances({ readsPerMinute: 60, actsPerMinute: 2 })
    for (let at = 0; at < 60; at += 1) expect(allowances.take('ada', false, 0)).toBe(0)
    expect(allowances.take('ada', false, 0)).toBe(1)
    expect(allowances.take('grace', false, 0)).toBe(0)
    expect(allowances.take('ada', true, 0)).toBe(0)
    expect(allowances.take('ada', true, 0)).toBe(0)
    expect(allowances.take('ada', true, 1_000)).toBe(29)
    expect(allowances.take('ada', false, 1_000)).toBe(0)
    expect(allowances.take('ada', false, 1_000)).toBe(1)
    expect(allowances.take('ada', true, 30_000)).toBe(0)
  })

  test('remembers the last ten thousand only', () => {
    const allowances = new Allowances({ readsPerMinute: 1 })
    expect(allowances.take('first', false, 0)).toBe(0)
    expect(allowances.take('first', false, 0)).toBe(60)
    for (let at = 0; at < 10_000; at += 1) allowances.take(`other ${at}`, false, 0)
    expect(allowances.take('first', false, 0)).toBe(0)
  })
})

describe('whoever asks too often', () => {
  test('is told when to come back, on a page, and nothing is looked at', async () => {
    const app = dashboardFor(client, ADA, { limits: { readsPerMinute: 2, actsPerMinute: 1 } })
    const statuses = [await get(app, '/nowhere'), await get(app, '/nowhere')].map(({ status }) => status)
    expect(statuses).toEqual([404, 404])
    const { status, headers, text } = await get(app, '/nowhere')
    expect([status, headers.get('retry-after')]).toEqual([429, '30'])
    expect(text).toContain('Come back in 30 s.')
    expect(text).toContain('<main')
    expect((await post(app, '/nowhere', {})).status).toBe(404)
    const act = await post(app, '/schedules/cleanup', { dry: 'no' })
    expect([act.status, act.headers.get('retry-after')]).toEqual([429, '60'])
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(text)?.[1] ?? ''
    expect((await get(app, script)).status).toBe(200)
  })
})

describe('what comes in', () => {
  const app = dashboardFor(client)

  test('is refused when the address is too long, or has too many parameters', async () => {
    const long = await get(app, `/sagas?prefix=${'x'.repeat(9_000)}`)
    expect(long.status).toBe(414)
    expect(long.text).toContain('Shorten a filter')
    const many = Array.from({ length: 60 }, (_one, at) => `p${at}=1`).join('&')
    expect((await get(app, `/sagas?${many}`)).status).toBe(400)
  })

  test.each(['/sagas?cursor=%E0%A4%A', '/sagas?state=%00', '/sagas?prefix=a%00b', '/sagas/%E0%A4%A', '/errors?live=x'])(
    'is refused with a page when it is malformed: %s',
    async (path) => {
      const { status, text } = await get(app, path)
      expect([400, 404]).toContain(status)
      expect(text).toContain('<h1>')
    },
  )

  test('is refused with a word about proxies when origin and host are not the same', async () => {
    const headers = { Origin: 'https://ops.example.com', Host: 'internal:3000' }
    const refused = await post(app, '/nowhere', {}, headers)
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('comes from https://ops.example.com, and this server was asked as internal:3000')
    expect(refused.text).toContain('trustedOrigins')
    const trusting = dashboardFor(client, ADA, { trustedOrigins: ['https://ops.example.com'] })
    expect((await post(trusting, '/nowhere', {}, headers)).status).toBe(404)
    for (const origin of [{}, { Origin: 'null' }] as Record<string, string>[]) {
      expect((await post(app, '/nowhere', {}, origin)).text).toContain('did not say which site')
    }
    const hostile = await post(app, '/nowhere', {}, { Origin: 'https://<script>', Host: 'a' })
    expect(hostile.text).not.toContain('<script>')
    expect((await post(app, '/nowhere', {}, { ...SAME_ORIGIN, ...headers })).status).toBe(404)
  })
})
