/** The addresses of a dashboard that somebody would open: every page, and the list with every filter. */
import pg from 'pg'

export type Address = {
  readonly path: string
  /** The list of sagas, in one of its ways. */
  readonly isList: boolean
}

/** What they are about is taken from what is stored. */
export async function addressesIn(connectionString: string): Promise<readonly Address[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const one = async (text: string) => (await client.query(text)).rows[0] as Record<string, string>
    const deep = await one('select id from saga.saga order by id offset (select count(*) / 2 from saga.saga) limit 1')
    const dead = await one(
      `select id, error_group as "group" from saga.saga where status = 'dead_lettered' order by id desc limit 1`,
    )
    const { at } = await one(`select (max(created_at) - interval '3 days')::text as at from saga.saga`)
    const until = new Date(String(at))
    const span = { 'started-after': hoursBefore(until, 1), 'started-before': until.toISOString() }
    const group = dead['group'] ?? ''
    const lists = [
      {},
      { cursor: deep['id'] ?? '' },
      ...['pending', 'running', 'completed', 'compensated', 'dead_lettered', 'resolved'].map((status) => ({ status })),
      { definition: 'shop-order-03' },
      { definition: 'shop-order-03', status: 'dead_lettered' },
      { definition: 'shop-order-03', status: 'completed' },
      { definition: 'nothing-such' },
      { 'key-prefix': 'order' },
      { 'key-prefix': 'order-77' },
      { 'key-prefix': 'zzz' },
      { definition: 'shop-order-03', 'key-prefix': 'order-4' },
      { q: 'nothing-such' },
      { tag: 'web' },
      { tag: 'customer-77' },
      { tag: 'nothing-such' },
      span,
      { 'started-after': until.toISOString() },
      { 'error-group': group },
      { status: 'dead_lettered', 'dead-reason': 'forward_exhausted' },
      { status: 'dead_lettered', 'dead-reason': 'no_code' },
      { 'dead-reason': 'forward_exhausted' },
      { 'dead-reason': 'no_code' },
      { 'rerun-of': dead['id'] ?? '' },
      { 'correction-of': dead['id'] ?? '' },
      { 'definition-version': '9' },
      { step: 'tell' },
      { step: 'nothing-such' },
      { 'min-attempts': '9' },
      { build: 'nothing-such' },
      { definition: 'shop-order-03', 'compensated-by': 'shop-2026-11' },
      { definition: 'shop-order-03', 'compensated-by': 'nothing-such' },
      { 'compensated-step': 'pay' },
      { 'compensated-step': 'pay', 'compensated-by': 'nothing-such' },
      { 'compensated-step': 'pay', 'compensated-from': hoursBefore(until, 1), 'compensated-to': until.toISOString() },
    ].map((words) => ({ path: `/sagas${query(words as Record<string, string>)}`, isList: true }))
    const escaped = encodeURIComponent(group)
    const others = [
      '/',
      '/?range=1h',
      '/?range=30d',
      '/?definition=shop-order-03',
      `/sagas/${dead['id']}`,
      `/sagas/${dead['id']}/plan?action=retry`,
      `/sagas/${dead['id']}/plan?action=compensate`,
      '/errors',
      '/errors?definition=shop-order-03',
      `/errors/${escaped}`,
      '/errors?state=ignored',
      '/errors?state=resolved',
      `/errors/${escaped}/triage?state=ignored`,
      '/audit',
      '/audit?actor=nobody',
      '/audit?definition=shop-order-03',
      `/audit?saga=${dead['id']}`,
      '/me',
      '/sagas/export?format=ndjson&limit=1000&status=dead_lettered',
      '/sagas/export?format=csv&limit=1000&build=shop-2026-11',
      '/operations',
      `/operations/new?error-group=${escaped}`,
      `/operations/new?verb=retry&error-group=${escaped}`,
      '/definitions',
      '/definitions/shop-order-03',
      '/workers',
      '/queues',
      '/schedules',
    ].map((path) => ({ path, isList: false }))
    return [...lists, ...others]
  } finally {
    await client.end()
  }
}

function query(words: Record<string, string>): string {
  const text = new URLSearchParams(words).toString()
  return text === '' ? '' : `?${text}`
}

function hoursBefore(moment: Date, hours: number): string {
  return new Date(moment.getTime() - hours * 3_600_000).toISOString()
}
