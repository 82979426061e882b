/** Loads pages of a served dashboard, over HTTP and one after the other. */
import { request } from 'node:http'
import type pg from 'pg'
import { serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaClient } from '../../src/index.ts'
import type { Address } from './addresses.ts'
import { explain, Recorder } from './statements.ts'

export type Loads = {
  /** Until the first byte. */
  readonly p50Ms: number
  readonly p95Ms: number
  /** The longest of its statements, as the server itself counts. */
  readonly statementMs: number
  readonly scanned: readonly string[]
}

/** @param own for looking at plans. */
export async function loadPages(
  connectionString: string,
  own: pg.Client,
  addresses: readonly Address[],
  times: number,
): Promise<readonly { readonly address: Address; readonly loads: Loads }[]> {
  const client = createSagaClient({ connectionString })
  const served = await serveDashboard({
    client,
    authenticate: () => ({ id: 'bench', role: 'admin' }),
    // Nobody asks as often as this does.
    limits: { readsPerMinute: 1_000_000 },
  })
  try {
    const pages: { address: Address; loads: Loads }[] = []
    for (const address of addresses) {
      const to = new URL(address.path.slice(1), served.url)
      // Connections, shapes and plans are those of a dashboard that somebody uses.
      await firstByte(to)
      const recorder = new Recorder()
      await firstByte(to)
      const statements = recorder.take()
      recorder.end()
      const plans = []
      for (const statement of statements) plans.push(await explain(own, statement))
      const ms: number[] = []
      for (let time = 0; time < times; time += 1) ms.push(await firstByte(to))
      ms.sort((a, b) => a - b)
      const loads = {
        p50Ms: ms[Math.floor(times * 0.5)] ?? 0,
        p95Ms: ms[Math.floor(times * 0.95)] ?? 0,
        statementMs: Math.max(0, ...plans.map((plan) => plan?.ms ?? 0)),
        scanned: [...new Set(plans.flatMap((plan) => plan?.scanned ?? []))],
      }
      console.log(
        `${address.path}: ${loads.p50Ms.toFixed(1)} / ${loads.p95Ms.toFixed(1)} ms, statement ${loads.statementMs.toFixed(1)} ms`,
      )
      pages.push({ address, loads })
    }
    return pages
  } finally {
    await served.close()
    await client.close()
  }
}

function firstByte(to: URL): Promise<number> {
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    request(to, (response) => {
      const { statusCode = 0 } = response
      // A saga that is found by its key is redirected to. Refused soon is no page that came soon.
      if (statusCode >= 400) reject(new Error(`${to.pathname}${to.search} was answered with ${statusCode}.`))
      let ms: number | undefined
      response.once('data', () => {
        ms = performance.now() - begun
      })
      // The next one waits until this one is whole.
      response.on('end', () => resolve(ms ?? performance.now() - begun))
    })
      .on('error', reject)
      .end()
  })
}
