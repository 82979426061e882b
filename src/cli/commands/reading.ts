/** Commands that only look: list, show, events, watch, count, errors, export. */
import type { JournalEntry, SagaClient, SagaView, Status } from '../../index.ts'
import { SagaError } from '../../index.ts'
import { example, filterOf, wholeNumber, withFilter } from '../options.ts'
import { at, clean, type Printer, type Styled } from '../print.ts'
import type { AddTo } from '../session.ts'
import { inWords as triageInWords } from './triage.ts'

const PAGE = 1_000
const COLOURS = { completed: 'green', compensated: 'yellow', dead_lettered: 'red' } as const

export const addReading: AddTo = (program, session) => {
  example(
    withFilter(program.command('list').description('Lists sagas, the newest first.'))
      .option('--limit <number>', 'sagas at most', wholeNumber('limit'), 50)
      .option('--cursor <cursor>', 'goes on behind a page'),
    'list --status dead_lettered --definition order',
    "list --started-after '2 hours' --limit 10",
  ).action(async ({ limit, cursor, ...given }) => {
    const page = await session.withClient((client) =>
      client.list(filterOf(given), { limit, ...(cursor === undefined ? {} : { cursor }) }),
    )
    const { printer } = session
    if (printer.isJson) return page.sagas.forEach((saga) => printer.row(plain(saga)))
    printer.table(page.sagas, {
      id: (saga) => saga.id,
      definition: (saga) => `${saga.definition}@${saga.version}`,
      status: (saga) => statusOf(saga.status, saga.waiting, saga.paused),
      key: (saga) => saga.key ?? '',
      updated: (saga) => at(saga.updatedAt),
      error: (saga) => (saga.failure ? `${saga.failure.step}: ${saga.failure.error.message}` : ''),
    })
    if (page.cursor !== undefined && !printer.isJson)
      printer.text(printer.style('dim', `More: --cursor ${page.cursor}`))
  })

  example(program.command('show <id>').description('Shows one saga with its steps.'), 'show $SAGA').action(
    async (id) => {
      const saga = await session.withClient((client) => found(client, id))
      session.printer.one(plain(saga), () => shown(session.printer, saga))
    },
  )

  example(program.command('events <id>').description('Lists the journal of a saga.'), 'events $SAGA').action(
    async (id) => {
      const entries = await session.withClient((client) => client.journal(id))
      session.printer.table(entries, EVENT_COLUMNS)
    },
  )

  example(program.command('watch <id>').description('Follows a saga until it is at rest.'), 'watch $SAGA').action(
    async (id) => {
      const { printer } = session
      await session.withClient(async (client) => {
        for await (const entry of client.watch(id, { signal: session.io.signal })) {
          if (printer.isJson) printer.row(entry)
          else
            printer.text(
              clean(
                Object.values(EVENT_COLUMNS)
                  .map((cell) => cell(entry))
                  .join('  ')
                  .trimEnd(),
              ),
            )
        }
      })
    },
  )

  example(
    withFilter(program.command('count').description('Counts sagas by status.')).option(
      '--cap <number>',
      'counts no further than this',
      wholeNumber('cap'),
      10_001,
    ),
    'count',
    'count --definition order --started-after 1d',
  ).action(async ({ cap, ...given }) => {
    const counts = await session.withClient((client) => client.count(filterOf(given), { cap }))
    const { printer } = session
    printer.one(counts, () =>
      Object.entries(counts)
        .filter(([, count]) => count > 0)
        .map(([name, count]) => `${inStyle(printer, statusOf(name as Status))} ${count >= cap ? `${cap - 1}+` : count}`)
        .join('\n'),
    )
  })

  example(
    withFilter(program.command('errors').description('Groups dead letters by what they died of, the largest first.')),
    'errors',
    'errors --definition order',
  ).action(async (given) => {
    const groups = await session.withClient((client) => client.errorGroups(filterOf(given)))
    session.printer.table(groups, {
      group: (group) => group.id,
      sagas: (group) => String(group.count),
      definition: (group) => group.definition,
      step: (group) => group.step ?? '',
      reason: (group) => group.reason,
      stands: (group) => (group.triage === null ? '' : triageInWords(group.triage)),
      last: (group) => at(group.lastSeenAt),
      error: (group) => [group.code, group.message].filter(Boolean).join(': '),
      note: (group) => group.triage?.note ?? '',
    })
  })

  example(
    withFilter(program.command('export').description('Writes sagas with their journals, one a line.')),
    'export --status compensated --compensated-by a1b2c3 --compensated-step reserve',
  ).action(async (given) => {
    await session.withClient(async (client) => {
      let cursor: string | undefined
      do {
        const page = await client.list(filterOf(given), { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
        for (const saga of page.sagas) {
          session.printer.row({ ...plain(saga), journal: await client.journal(saga.id) })
        }
        cursor = session.io.signal.aborted ? undefined : page.cursor
      } while (cursor !== undefined)
    })
  })
}

const EVENT_COLUMNS = {
  '#': (entry: JournalEntry) => String(entry.sequence),
  at: (entry: JournalEntry) => at(entry.at),
  event: (entry: JournalEntry) => entry.event.type,
  step: ({ event }: JournalEntry) => {
    const { step, side } = event as { readonly step?: string; readonly side?: string }
    return [step, side].filter(Boolean).join(' ')
  },
  about: (entry: JournalEntry) => about(entry.event),
}

function about(event: JournalEntry['event']): string {
  const { act, error, actor, reason } = event as {
    readonly act?: { readonly actor: string; readonly reason: string }
    readonly error?: { readonly message: string }
    readonly actor?: string
    readonly reason?: string
  }
  if (act !== undefined) return `${act.actor}: ${act.reason}`
  return error?.message ?? (actor === undefined ? '' : `${actor}: ${reason ?? ''}`)
}

export async function found(client: SagaClient, id: string): Promise<SagaView> {
  const saga = await client.get(id)
  if (saga === undefined) throw new SagaError('SAGA_NOT_FOUND', `There is no saga ${id}.`, { details: { sagaId: id } })
  return saga
}

/** The state is the engine's own, and changes with its versions. */
function plain<T extends object>(saga: T): Omit<T, 'state'> {
  const { state: _state, ...rest } = saga as T & { readonly state?: unknown }
  return rest as Omit<T, 'state'>
}

function statusOf(name: Status, waiting?: string | null, paused?: boolean): string | Styled {
  const about = [waiting, paused === true ? 'paused' : undefined].filter(Boolean).join(', ')
  const format = (COLOURS as Partial<Record<Status, Styled['format']>>)[name]
  const text = about === '' ? name : `${name} (${about})`
  return format === undefined ? text : { text, format }
}

function inStyle(printer: Printer, value: string | Styled): string {
  return typeof value === 'string' ? clean(value) : printer.style(value.format, clean(value.text))
}

function shown(printer: Printer, saga: SagaView): string {
  const facts: readonly (readonly [string, string | Styled])[] = [
    ['saga', saga.id],
    ['definition', `${saga.definition}@${saga.version}`],
    ['status', statusOf(saga.status, saga.waiting, saga.paused)],
    ['key', saga.key ?? ''],
    ['reason', saga.reason ?? ''],
    ['failure', saga.failure ? `${saga.failure.step}: ${saga.failure.error.message}` : ''],
    ['tags', saga.tags.join(', ')],
    ['started', at(saga.createdAt)],
    ['updated', at(saga.updatedAt)],
    ['finished', at(saga.finishedAt)],
  ]
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${printer.style('dim', name.padEnd(11))}${inStyle(printer, value)}`)
  const steps = saga.steps.map((step) => {
    const tries = step.attempts > 1 ? `  ${step.attempts} attempts` : ''
    const error = step.error === undefined ? '' : `  ${step.error.message}`
    return clean(`  ${step.name.padEnd(24)} ${step.state}${tries}${error}`)
  })
  return [...lines, '', ...steps].join('\n')
}
