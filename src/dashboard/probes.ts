/**
 * What machines ask: whether the process answers, whether it can work, and how much it has done. Nobody has to sign in for
 * the first two, which say yes or no and what is lacking in a few words of ours; metrics are another matter.
 */
import type { Logger } from '../engine/runtime/ports.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import { codeOf } from './acts.ts'
import type { Ctx } from './answers.ts'
import type { MetricsOption } from './options.ts'
import { Refusal } from './security/refusal.ts'

const READY_WITHIN_MS = 2_000
/** However many ask, the database is asked once in this time. */
const ASKED_AGAIN_AFTER_MS = 1_000

const NOT_ANSWERING = 'the database does not answer within 2 s'
const LACKING: Readonly<Record<string, string>> = {
  DATABASE_UNREACHABLE: 'the database does not answer',
  SCHEMA_TOO_OLD: 'the schema is not there, or too old: migrate it',
  SCHEMA_TOO_NEW: 'the schema is too new: upgrade this process',
}

export class Readiness {
  readonly #by: { readonly client: SagaClient }
  readonly #logger: Logger
  #last: { readonly askedAt: number; readonly lacks: Promise<string | undefined> } | undefined
  /** One at a time: a database that keeps still holds one connection of the client's, however often it is asked. */
  #looking: Promise<string | undefined> | undefined

  /** @param by The client that acts: whoever looks at pages has limits, and queues there for a place. */
  constructor(by: { readonly client: SagaClient }, logger: Logger) {
    this.#by = by
    this.#logger = logger
  }

  /** 200, or 503 with what is lacking. */
  async answer(c: Ctx): Promise<Response> {
    const now = performance.now()
    if (this.#last === undefined || now - this.#last.askedAt > ASKED_AGAIN_AFTER_MS) {
      this.#last = { askedAt: now, lacks: this.#lacks() }
    }
    const lacks = await this.#last.lacks
    return lacks === undefined ? c.text('ready\n') : c.text(`not ready: ${lacks}\n`, 503)
  }

  async #lacks(): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(NOT_ANSWERING), READY_WITHIN_MS)
    })
    try {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
      })
      return await Promise.race([late, this.#looking])
    } finally {
      clearTimeout(timer)
    }
  }

  async #look(): Promise<string | undefined> {
    try {
      await this.#by.client.system.check()
      return undefined
    } catch (error) {
      const words = LACKING[codeOf(error) ?? '']
      if (words === undefined) this.#logger.error({ error }, 'It could not be seen whether the dashboard can work.')
      return words ?? 'something is wrong: the log has more'
    }
  }
}

/** For those who may have them. */
export async function sendMetrics(c: Ctx, { from }: MetricsOption): Promise<Response> {
  if (typeof from === 'function')
    return c.text(await from(), 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
  return c.text(await from.metrics(), 200, { 'Content-Type': from.contentType })
}

/** @throws Refusal 403 for whoever the hook does not let in. */
export async function demandMetrics(c: Ctx, allow: NonNullable<MetricsOption['allow']>): Promise<void> {
  if ((await allow(c.req.raw)) === true) return
  throw new Refusal(403, 'No right', 'Metrics are not for everybody.')
}
