/** Holds: stopping a definition or a step of it, and letting it go. */
import type { HoldScope, HoldView } from '../../index.ts'
import { UsageError } from '../exit.ts'
import { example } from '../options.ts'
import { at } from '../print.ts'
import type { AddTo } from '../session.ts'
import { byOf } from './verbs.ts'

export const addHolds: AddTo = (program, session) => {
  example(
    program
      .command('hold <definition> [step]')
      .description('Nothing new of it starts; what waits before it is kept.')
      .option('--side <side>', 'action or compensation; both, where nothing is said')
      .option('--reason <text>', 'why; it stays in the journal')
      .option('--request-id <id>', 'the same one acts once'),
    "hold order charge --side action --reason 'the provider is down'",
  ).action(async (definition: string, step: string | undefined, given) => {
    const { side } = given as { readonly side?: string }
    if (side !== undefined && side !== 'action' && side !== 'compensation') {
      throw new UsageError('--side is action or compensation.')
    }
    const scope: HoldScope = {
      definition,
      ...(step === undefined ? {} : { step }),
      ...(side === undefined ? {} : { side }),
    }
    const by = byOf(session, given)
    const id = await session.withClient((client) => client.operator.hold(scope, by))
    session.printer.one({ holdId: id, ...scope }, () => `hold: ${id}`)
  })

  example(program.command('holds').description('Lists the holds in force.'), 'holds').action(async () => {
    const holds = await session.withClient((client) => client.operator.holds())
    session.printer.table(holds, {
      id: (hold: HoldView) => hold.id,
      definition: (hold) => hold.definition,
      step: (hold) => [hold.step, hold.side].filter(Boolean).join(' '),
      waiting: (hold) => String(hold.waiting),
      since: (hold) => at(hold.createdAt),
      by: (hold) => `${hold.actor}: ${hold.reason}`,
    })
  })

  example(
    program
      .command('release <hold>')
      .description('Ends a hold: what has waited goes on, at once or at a rate.')
      .option('--rate <number>', 'sagas a second')
      .option('--reason <text>', 'why; it stays in the journal')
      .option('--request-id <id>', 'the same one acts once'),
    "release $HOLD --rate 5 --reason 'the provider is back'",
  ).action(async (id: string, given) => {
    const { rate: text } = given as { readonly rate?: string }
    const rate = text === undefined ? undefined : Number(text)
    if (rate !== undefined && !Number.isFinite(rate)) throw new UsageError('--rate is a number of sagas a second.')
    const by = byOf(session, given)
    const sagas = await session.withClient((client) =>
      client.operator.release(id, { ...by, ...(rate === undefined ? {} : { rate }) }),
    )
    session.printer.one({ holdId: id, sagas }, () =>
      rate === undefined ? `released: ${sagas} sagas go on` : `released: ${sagas} sagas wait for their turn`,
    )
  })
}
