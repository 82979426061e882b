/**
 * A duty of maintenance done from here: parse → authorize → do → answer. What it did stands in the log of maintenance, which
 * is where the answer leads; one that takes long goes on in this process, and the page that is answered follows it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Duty } from '../engine/duties.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import type { MaintenanceEntry } from '../engine/store/maintenance-log.ts'
import { type Acting, codeOf } from './acts.ts'
import type { Ctx } from './answers.ts'
import { change } from './change.ts'
import { url } from './partials/markup.ts'
import { formOf } from './posting.ts'
import { dutyForm, dutyName } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'
import { DUTY_WORDS } from './words/duties.ts'

const WAITS_MS = 2_000
const LOOKED_THROUGH = 20

type Order = { readonly actor: string; readonly dryRun: boolean }

export class DutiesNow {
  readonly #acting: Acting
  readonly #logger: Logger
  readonly #underWay = new Set<Duty>()

  constructor(acting: Acting) {
    this.#acting = acting
    this.#logger = acting.logger
  }

  /** @throws Refusal 404, 409, 415, 403. */
  async act(c: Ctx): Promise<Response> {
    return change(c, this.#acting, {
      parse: async () => {
        const duty = dutyName.safeParse(c.req.param('duty'))
        if (!duty.success) throw new Refusal(404, 'No such duty', 'There is no such duty.')
        return { duty: duty.data, ...(await formOf(c, dutyForm, 'the schedules')) }
      },
      rights: () => [{ action: 'maintain', target: {} }],
      perform: async ({ duty, dry }) => {
        const { actor, base } = c.get('view')
        const entry = await this.order(duty, { actor: actor.id, dryRun: dry === 'yes' })
        return c.redirect(url(base, '/schedules', { duty, entry: entry?.id }), 303)
      },
    })
  }

  /**
   * Has it done, by whoever may.
   *
   * @returns what the log has of it: without an end, where it takes longer than two seconds.
   * @throws Refusal 409.
   */
  async order(duty: Duty, order: Order): Promise<MaintenanceEntry | undefined> {
    await this.#do(duty, order)
    return this.#entryOf(duty, order)
  }

  /** Waits a little for the end of it. */
  async #do(duty: Duty, order: Order): Promise<void> {
    if (this.#underWay.has(duty)) {
      const says = `${DUTY_WORDS[duty].label} is being done already, ordered from here. Look at the log.`
      throw new Refusal(409, 'Under way', says)
    }
    this.#underWay.add(duty)
    const done = doNow(this.#acting.client, duty, order).finally(() => this.#underWay.delete(duty))
    const failed = done.then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    const end = await Promise.race([failed, delay(WAITS_MS, undefined, { ref: false })])
    if (end === undefined) {
      void failed.then((later) => later && this.#logger.error({ duty, error: later.error }, 'A duty has failed.'))
      return
    }
    // Refused, or the database is away. Any other failure stands in the log, which is shown.
    if (codeOf(end.error) !== undefined) throw end.error
    this.#logger.error({ duty, error: end.error }, 'A duty has failed.')
  }

  /** The newest of this order: it has its id from where it was done. */
  async #entryOf(duty: Duty, { actor, dryRun }: Order): Promise<MaintenanceEntry | undefined> {
    const entries = await this.#acting.client.maintenance.log({ duty, limit: LOOKED_THROUGH })
    return entries.find(({ by, isDry }) => by === actor && isDry === dryRun)
  }
}

function doNow({ maintenance }: SagaClient, duty: Duty, order: Order): Promise<unknown> {
  switch (duty) {
    case 'cleanup':
      return maintenance.cleanup(order)
    case 'recovery':
      return maintenance.recover(order)
    case 'statistics':
      return maintenance.count(order)
    case 'analysis':
      return maintenance.analyze(order)
  }
}
