/** Ten people with the dashboard open, as their browsers do it: pages that ask for their live part when they hear of changes. */
import { setTimeout as delay } from 'node:timers/promises'
import { serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaClient } from '../../src/index.ts'
import { BYSTANDER } from '../measure.ts'

/** What htmx is told, in every page. */
const THROTTLE_MS = 2_000
const NOW_AND_THEN_MS = 30_000
const OPEN = [
  'sagas',
  'sagas',
  'sagas',
  'sagas',
  'sagas?status=completed',
  'sagas?status=running',
  '',
  '',
  'errors',
  'workers',
]

const to = new URL(process.argv[2] ?? '')
to.searchParams.set('application_name', BYSTANDER)
const client = createSagaClient({ connectionString: to.href })
const served = await serveDashboard({ client, authenticate: () => ({ id: 'bench', role: 'admin' }) })
const end = new AbortController()
process.on('message', () => end.abort())
let looks = 0
// They are open, and have looked once, before the work begins.
const pages = await Promise.all(OPEN.map((path) => open(new URL(path, served.url))))
const before = { looks, cpu: process.cpuUsage() }
process.send?.('ready')
await Promise.all(pages.map((follow) => follow().catch(unlessEnded)))
const { user, system } = process.cpuUsage(before.cpu)
process.send?.({ looks: looks - before.looks, cpuMs: (user + system) / 1_000 })
await served.close()
await client.close()
process.disconnect?.()

/** @returns what keeps it up to date. */
async function open(page: URL): Promise<() => Promise<void>> {
  const text = await (await fetch(page)).text()
  const from = attribute(text, 'hx-get')
  const every = Number(/every (\d+)s/.exec(attribute(text, 'hx-trigger') ?? '')?.[1] ?? 5)
  if (from === undefined) throw new Error(`${page.pathname} does not update itself.`)
  const stream = attribute(text, 'hx-sse:connect')
  let tag = ''
  const look = async () => {
    const response = await fetch(new URL(from, page), {
      headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial', 'HX-PTag': tag },
      signal: end.signal,
    })
    await response.text()
    if (response.status >= 400) throw new Error(`${page.pathname} was answered with ${response.status}.`)
    tag = response.headers.get('HX-PTag') ?? ''
    looks += 1
  }
  await look()
  return async () => {
    const hear = stream === undefined ? undefined : listen(new URL(stream, page))
    while (!end.signal.aborted) {
      await (hear === undefined ? delay(every * 1_000, undefined, { signal: end.signal }) : hear())
      await look()
      if (hear !== undefined) await delay(THROTTLE_MS, undefined, { signal: end.signal })
    }
  }
}

/** @returns what waits for the next signal, or until it is time to look all the same. */
function listen(to: URL): () => Promise<void> {
  let heard: (() => void) | undefined
  let isNews = false
  const read = async () => {
    const response = await fetch(to, { headers: { Accept: 'text/event-stream' }, signal: end.signal })
    if (response.status !== 200 || response.body === null) throw new Error(`No signals: ${response.status}.`)
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      if (!piece.includes('event: sagas:changed')) continue
      isNews = true
      heard?.()
    }
  }
  void read().catch(unlessEnded)
  return async () => {
    if (!isNews) {
      const signal = new Promise<void>((resolve) => {
        heard = resolve
      })
      await Promise.race([signal, delay(NOW_AND_THEN_MS, undefined, { signal: end.signal })])
    }
    isNews = false
  }
}

function attribute(page: string, name: string): string | undefined {
  return new RegExp(`${name}="([^"]+)"`).exec(page)?.[1]?.replaceAll('&amp;', '&')
}

function unlessEnded(error: unknown): undefined {
  if (!end.signal.aborted) throw error
  return undefined
}
