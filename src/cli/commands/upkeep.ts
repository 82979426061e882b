/** Commands for what workers do by themselves when it is due, and the doctor. */
import type { Finding, Level, MaintenanceEntry, QueueView } from '../../index.ts'
import { examine } from '../../index.ts'
import { EXIT } from '../exit.ts'
import { example, wholeNumber } from '../options.ts'
import { at, clean } from '../print.ts'
import type { AddTo } from '../session.ts'

const SIGNS: { readonly [level in Level]: readonly [sign: string, colour: 'green' | 'cyan' | 'yellow' | 'red'] } = {
  ok: ['ok     ', 'green'],
  notice: ['notice ', 'cyan'],
  warning: ['warning', 'yellow'],
  error: ['error  ', 'red'],
}

export const addUpkeep: AddTo = (program, session) => {
  example(
    program
      .command('doctor')
      .description('Looks at everything that can be wrong, changes nothing, and says what to do.')
      .option('--direct-url <url>', "where workers' own sessions lead, past a pooler"),
    'doctor',
  ).action(async ({ directUrl }: { readonly directUrl?: string }) => {
    const options = await session.clientOptions()
    const report = await examine({
      ...options,
      ...(directUrl === undefined ? {} : { directConnectionString: directUrl }),
    })
    const { printer } = session
    printer.one(report, () => report.findings.map((finding) => line(finding)).join('\n'))
    if (report.findings.some(({ isDrift }) => isDrift === true)) session.exitWith(EXIT.drift)
    else if (!report.isHealthy) session.exitWith(EXIT.failed)

    function line({ check, level, says, todo }: Finding): string {
      const [sign, colour] = SIGNS[level]
      const first = `${printer.style(colour, sign)} ${printer.style('bold', check)}: ${clean(says)}`
      return todo === undefined ? first : `${first}\n        ${printer.style('dim', clean(todo))}`
    }
  })

  example(
    program
      .command('cleanup')
      .description('Deletes sagas that have finished longer ago than their definitions keep them.')
      .option('--dry-run', 'only says which'),
    'cleanup --dry-run',
  ).action(async ({ dryRun = false }: { readonly dryRun?: boolean }) => {
    const { actor } = session
    const report = await session.withClient((client) =>
      client.maintenance.cleanup({ actor, dryRun, signal: session.io.signal }),
    )
    session.printer.one(report, () => {
      const lines = report.by.map(({ definition, status, sagas }) => `  ${definition} ${status}: ${sagas}`)
      const failed = report.failed.map(({ definition, status, error }) => `  ${definition} ${status}: ${clean(error)}`)
      return [`${report.sagas} sagas ${dryRun ? 'would be' : 'were'} deleted`, ...lines, ...failed].join('\n')
    })
    if (report.failed.length > 0) session.exitWith(EXIT.failed)
  })

  example(
    program
      .command('recover')
      .description('Looks for sagas without progress, and does with each what its definition says.')
      .option('--stuck-after <duration>', 'in the place of what definitions say')
      .option('--dry-run', 'only says what'),
    "recover --stuck-after '10 minutes' --dry-run",
  ).action(async ({ dryRun = false, stuckAfter }: { readonly dryRun?: boolean; readonly stuckAfter?: string }) => {
    const { actor } = session
    const report = await session.withClient((client) =>
      client.maintenance.recover({
        actor,
        dryRun,
        signal: session.io.signal,
        ...(stuckAfter === undefined ? {} : { stuckAfter: stuckAfter as never }),
      }),
    )
    session.printer.one(report, () => {
      const sagas = report.sagas.map(
        (saga) =>
          `  ${saga.sagaId} ${saga.definition}: ${saga.outcome}${saga.why === undefined ? '' : ` (${clean(saga.why)})`}`,
      )
      return [`${report.found} sagas without progress`, ...sagas].join('\n')
    })
  })

  example(
    program
      .command('maintenance')
      .description('Lists what maintenance has done, the newest first.')
      .option('--limit <number>', 'entries at most', wholeNumber('limit'), 20),
    'maintenance --limit 5',
  ).action(async ({ limit }: { readonly limit: number }) => {
    const entries = await session.withClient((client) => client.maintenance.log({ limit }))
    session.printer.table(entries, {
      started: (entry: MaintenanceEntry) => at(entry.startedAt),
      duty: (entry) => `${entry.duty}${entry.isDry ? ' (dry run)' : ''}`,
      by: (entry) => entry.by,
      took: (entry) =>
        entry.finishedAt === null ? '' : `${entry.finishedAt.getTime() - entry.startedAt.getTime()} ms`,
      outcome: (entry) => entry.error ?? JSON.stringify(entry.outcome ?? {}),
    })
  })

  example(program.command('workers').description('Lists the workers.'), 'workers').action(async () => {
    const workers = await session.withClient((client) => client.system.workers())
    session.printer.table(workers, {
      id: (worker) => worker.id,
      host: (worker) => `${worker.host}:${worker.pid}`,
      alive: (worker) => (worker.isAlive ? 'yes' : 'no'),
      build: (worker) => worker.build ?? '',
      jobs: (worker) => String(worker.claimedJobs),
      'last sign': (worker) => at(worker.heartbeatAt),
      definitions: (worker) => worker.definitions.join(', '),
    })
  })

  example(
    program.command('queues').description('Lists the queues: how many jobs wait in each, and for how long.'),
    'queues',
  ).action(async () => {
    const queues = await session.withClient((client) => client.system.queues())
    session.printer.table(queues, {
      queue: (queue: QueueView) => queue.name,
      'taken by': (queue) => (queue.isTakenByWorkers ? 'workers' : 'your programs'),
      waiting: (queue) => String(queue.waiting),
      later: (queue) => String(queue.later),
      oldest: (queue) => (queue.oldestMs === null ? '' : `${Math.round(queue.oldestMs / 1000)} s`),
    })
  })
}
