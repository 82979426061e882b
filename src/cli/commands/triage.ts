/** What people make of error groups, and the audit: triage, note, audit. */
import { type AuditEntry, type AuditFilter, momentFromText, type Triage, type TriageOrder } from '../../index.ts'
import { UsageError } from '../exit.ts'
import { example, wholeNumber } from '../options.ts'
import { at } from '../print.ts'
import type { AddTo } from '../session.ts'
import { byOf } from './verbs.ts'

export const addTriage: AddTo = (program, session) => {
  example(
    program
      .command('triage <group> <state>')
      .description('Says how an error group stands: open, ignored or resolved.')
      .option(
        '--in-version <number>',
        'resolved in this one: sagas of older ones are no regression',
        wholeNumber('in-version'),
      )
      .option(
        '--until <moment>',
        'ignored until then: a moment to come, or a length of time; for good, where nothing is said',
      )
      .option('--until-more <number>', 'ignored until so many more have come', wholeNumber('until-more'))
      .option('--reason <text>', 'why; it stays in the audit')
      .option('--request-id <id>', 'the same one acts once'),
    "triage $GROUP resolved --in-version 4 --reason 'mended in build 81'",
    "triage $GROUP ignored --until '2 days' --until-more 20 --reason 'the provider knows of it'",
  ).action(async (group: string, state: string, given) => {
    const by = byOf(session, given)
    const order = orderOf(state, given)
    const triage = await session.withClient((client) => client.operator.triage(group, order, by))
    session.printer.one(triage, () => `${group}: ${inWords(triage)}`)
  })

  example(
    program
      .command('note <group> [text]')
      .description('Writes a note on an error group; without a text, removes it.')
      .option('--request-id <id>', 'the same one acts once'),
    "note $GROUP 'They close on Sundays.'",
  ).action(async (group: string, text: string | undefined, given) => {
    const { requestId } = given as { readonly requestId?: string }
    const by = { actor: session.actor, ...(requestId === undefined ? {} : { requestId }) }
    const triage = await session.withClient((client) => client.operator.note(group, text ?? null, by))
    session.printer.one(triage, () => `${group}: ${triage.note ?? 'no note'}`)
  })

  example(
    program
      .command('audit')
      .description('Lists what people did and were refused, the newest first.')
      .option('--actor <name>', 'only of this one')
      .option('--action <name>', 'only this: retry, hold, triage')
      .option('--definition <name>', 'only of this definition')
      .option('--saga <id>', 'only of this saga')
      .option('--error-group <id>', 'only of this error group')
      .option('--from <moment>', 'from then on: a moment, or a length of time ago')
      .option('--to <moment>', 'before then: a moment, or a length of time ago')
      .option('--denied', 'only what was refused')
      .option('--limit <number>', 'entries at most', wholeNumber('limit'), 50)
      .option('--cursor <cursor>', 'goes on behind a page'),
    'audit --actor ada --limit 10',
    "audit --denied --from '2 days'",
  ).action(async (given) => {
    const { limit, cursor } = given as { readonly limit: number; readonly cursor?: string }
    const page = await session.withClient((client) =>
      client.audit.list(filterOf(given), { limit, ...(cursor === undefined ? {} : { cursor }) }),
    )
    const { printer } = session
    printer.table(page.entries, {
      at: (entry: AuditEntry) => at(entry.at),
      actor: (entry) => entry.actor,
      action: (entry) =>
        entry.deniedTimes === null ? entry.action : `refused: ${entry.action} × ${entry.deniedTimes}`,
      about: (entry) => [entry.definition, entry.sagaId ?? entry.errorGroup].filter(Boolean).join(' '),
      reason: (entry) => entry.reason ?? '',
    })
    if (page.cursor !== undefined && !printer.isJson)
      printer.text(printer.style('dim', `More: --cursor ${page.cursor}`))
  })
}

type Given = { readonly inVersion?: number; readonly until?: string; readonly untilMore?: number }

/** What does not go together is refused by the verb. @throws UsageError. */
function orderOf(state: string, { inVersion, until, untilMore }: Given): TriageOrder {
  const moment = momentOf('until', until, 'ahead')
  return {
    state,
    ...(inVersion === undefined ? {} : { version: inVersion }),
    ...(moment === undefined ? {} : { until: moment }),
    ...(untilMore === undefined ? {} : { untilMore }),
  } as TriageOrder
}

/** @throws UsageError. */
function momentOf(option: string, text: string | undefined, direction: 'ago' | 'ahead'): Date | undefined {
  if (text === undefined) return undefined
  const moment = momentFromText(text, direction)
  if (moment !== undefined) return moment
  const length = direction === 'ago' ? 'a length of time ago' : 'a length of time'
  throw new UsageError(
    `--${option} is a moment such as 2026-12-01T09:00Z, or ${length} such as '2 hours', not ${JSON.stringify(text)}.`,
  )
}

/** @throws UsageError. */
function filterOf(given: object): AuditFilter {
  const { actor, action, definition, saga, errorGroup, from, to, denied } = given as {
    readonly actor?: string
    readonly action?: string
    readonly definition?: string
    readonly saga?: string
    readonly errorGroup?: string
    readonly from?: string
    readonly to?: string
    readonly denied?: boolean
  }
  const [begin, end] = [momentOf('from', from, 'ago'), momentOf('to', to, 'ago')]
  return {
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(definition === undefined ? {} : { definition }),
    ...(saga === undefined ? {} : { sagaId: saga }),
    ...(errorGroup === undefined ? {} : { errorGroup }),
    ...(begin === undefined ? {} : { from: begin }),
    ...(end === undefined ? {} : { to: end }),
    ...(denied === true ? { deniedOnly: true } : {}),
  }
}

/** `resolved in 4`, `open (was resolved, 3 came since)`. */
export function inWords({ state, said, version, until, untilMore, came }: Triage): string {
  if (state !== said) return `${state} (was ${said}, ${came} came since)`
  const ends = [
    ...(version === null ? [] : [`in ${version}`]),
    ...(until === null ? [] : [`until ${at(until)}`]),
    ...(untilMore === null ? [] : [`until ${untilMore} more`]),
  ]
  return [state, ...ends].join(' ')
}
