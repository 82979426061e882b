/** Operations: a verb over many sagas, with preview, canary and rate. */
import type { Command } from 'commander'
import type { Operation, OperationOrder, OperationStart, OperationState, OperationVerb } from '../../index.ts'
import { UsageError } from '../exit.ts'
import { example, filterOf, wholeNumber, withFilter } from '../options.ts'
import { at, clean, jsonOf } from '../print.ts'
import type { AddTo, Session } from '../session.ts'
import { byOf } from './verbs.ts'

export const addOperations: AddTo = (program, session) => {
  const ops = program.command('ops').description('One verb over many sagas: workers do it, at a rate.')
  example(
    withFilter(ops.command('start <verb>').description('Starts one over the sagas that the filter gives now.'))
      .option('--as <status>', 'of resolve: completed or compensated')
      .option('--past-pivot', 'of compensate: also where the pivot is passed')
      .option('--canary <number>', 'so many first; the others wait for what becomes of them', wholeNumber('canary'))
      .option('--rate <number>', 'sagas a second: 10 by default')
      .option('--limit <number>', 'sagas at most', wholeNumber('limit'))
      .option('--dry-run', 'only shows what it would do')
      .option('--reason <text>', 'why; it stays in the journal')
      .option('--request-id <id>', 'the same one acts once'),
    'ops start retry --status dead_lettered --definition order --dry-run',
    "ops start retry --status dead_lettered --definition order --canary 1 --rate 5 --reason 'the provider is back'",
  ).action(async (verb: string, given) => start(session, verb as OperationVerb, given))

  example(
    ops
      .command('list')
      .description('Lists operations, the newest first.')
      .option('--state <state>', 'running, paused, done, aborted'),
    'ops list',
  ).action(async ({ state }: { readonly state?: string }) => {
    const { operations } = await session.withClient((client) =>
      client.operations.list(state === undefined ? {} : { state: state as OperationState }),
    )
    session.printer.table(operations, {
      id: (operation: Operation) => operation.id,
      verb: (operation) => operation.verb,
      state: (operation) => operation.state,
      sagas: (operation) => String(operation.counts.total),
      waiting: (operation) => String(operation.counts.waiting),
      refused: (operation) => String(operation.counts.refused + operation.counts.failed),
      since: (operation) => at(operation.createdAt),
      by: (operation) => `${operation.actor}: ${operation.reason}`,
    })
  })

  example(ops.command('show <id>').description('Shows one, and how far it has come.'), 'ops show $OPERATION').action(
    async (id: string) => {
      const operation = await session.withClient((client) => client.operations.get(id))
      session.printer.one(operation, () => shown(operation))
    },
  )

  example(ops.command('results <id>').description('Lists what became of each saga.'), 'ops results $OPERATION').action(
    async (id: string) => {
      await session.withClient(async (client) => {
        let cursor: string | undefined
        do {
          const page = await client.operations.results(
            id,
            {},
            { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) },
          )
          session.printer.table(page.results, {
            saga: (result) => result.sagaId,
            state: (result) => result.state,
            outcome: (result) => result.outcome ?? '',
            error: (result) => result.message ?? '',
          })
          cursor = page.cursor
        } while (cursor !== undefined)
      })
    },
  )

  for (const [change, about] of [
    ['pause', 'Orders no further sagas; those that are ordered go on.'],
    ['resume', 'Goes on with one that is paused.'],
    ['abort', 'Orders no further sagas, for good.'],
  ] as const) {
    example(
      changing(ops.command(`${change} <id>`).description(about)),
      `ops ${change} $${change === 'resume' ? 'PAUSED_OPERATION' : 'OPERATION'} --reason 'wait for the provider'`,
    ).action(async (id: string, given) => {
      const by = byOf(session, given)
      const operation = await session.withClient((client) => client.operations[change](id, by))
      session.printer.one(operation, () => shown(operation))
    })
  }
}

function changing(command: Command): Command {
  return command
    .option('--reason <text>', 'why; it stays in the log')
    .option('--request-id <id>', 'the same one acts once')
}

type Given = {
  readonly as?: 'completed' | 'compensated'
  readonly pastPivot?: boolean
  readonly canary?: number
  readonly rate?: string
  readonly limit?: number
  readonly dryRun?: boolean
  readonly reason?: string
  readonly requestId?: string
}

async function start(session: Session, verb: OperationVerb, given: Given): Promise<void> {
  const { as, pastPivot, canary, rate, limit, dryRun } = given
  const order = {
    verb,
    filter: filterOf(given),
    ...(as === undefined ? {} : { as }),
    ...(pastPivot === true ? { pastPivot: true } : {}),
  } as OperationOrder
  if (dryRun === true) {
    const preview = await session.withClient((client) => client.operations.preview(order))
    session.printer.one(preview, () => jsonOf(preview, 2))
    return
  }
  if (rate !== undefined && !Number.isFinite(Number(rate)))
    throw new UsageError('--rate is a number of sagas a second.')
  const whole = {
    ...order,
    ...byOf(session, given),
    ...(canary === undefined ? {} : { canary }),
    ...(rate === undefined ? {} : { rate: Number(rate) }),
    ...(limit === undefined ? {} : { limit }),
  } as OperationStart
  const operation = await session.withClient((client) => client.operations.start(whole))
  session.printer.one(operation, () => shown(operation))
}

function shown(operation: Operation): string {
  const counts = Object.entries(operation.counts).filter(([, count]) => count > 0)
  return [
    `${operation.verb}: ${operation.id}`,
    `state      ${operation.state}`,
    `by         ${clean(`${operation.actor}: ${operation.reason}`)}`,
    `rate       ${operation.rate} a second, canary ${operation.canary}`,
    ...counts.map(([name, count]) => `${name.padEnd(10)} ${count}`),
  ].join('\n')
}
