/** Commands that change one saga: retry, compensate, cancel, pause, resume, resolve, rerun, revert, complete, edit-input, erase. */
import type { Command } from 'commander'
import type { Done, Plan, SagaClient, ShownPlan } from '../../index.ts'
import { UsageError } from '../exit.ts'
import { example, json } from '../options.ts'
import { clean } from '../print.ts'
import type { AddTo, Session } from '../session.ts'

type Given = {
  readonly reason?: string
  readonly requestId?: string
  readonly dryRun?: boolean
  readonly plan?: string
  readonly pastPivot?: boolean
}
type By = { readonly actor: string; readonly reason: string; readonly requestId?: string }

const WILL: { readonly [will in Plan['steps'][number]['will']]: string } = {
  finish: 'is waited for',
  run: 'runs',
  compensate: 'is compensated',
  verify: 'is verified first',
  stay_done: 'stays done',
  stay_in_doubt: 'stays in doubt',
}

/** Verbs whose plan can be shown. */
const PLANNED = {
  retry: 'Goes on where a dead letter stopped, or skips a backoff.',
  compensate: 'Turns a dead letter, or a saga that is stuck, backward.',
  cancel: 'Turns a live saga backward.',
  revert: 'Undoes a completed saga, in the time that its definition gives.',
} as const

const PLAIN = {
  pause: 'Nothing new of the saga starts.',
  resume: 'Ends a pause.',
  rerun: 'Starts a new saga with the input of a compensated one.',
} as const

export const addVerbs: AddTo = (program, session) => {
  for (const [verb, about] of Object.entries(PLANNED) as [keyof typeof PLANNED, string][]) {
    const command = verbCommand(program, verb, about)
      .option('--dry-run', 'only shows the plan')
      .option('--plan <hash>', 'refuses if the plan is not the one with this hash')
    if (verb === 'compensate') command.option('--past-pivot', 'undoes what can be undone although the pivot is passed')
    example(
      command,
      `${verb} $${verb === 'revert' ? 'COMPLETED' : verb === 'retry' ? 'SAGA' : 'LIVE'} --dry-run`,
      `${verb} $${verb === 'revert' ? 'COMPLETED' : verb === 'retry' ? 'SAGA' : 'LIVE'} --reason 'the provider is back'`,
    ).action((id: string, given: Given) => planned(session, verb, id, given))
  }
  for (const [verb, about] of Object.entries(PLAIN) as [keyof typeof PLAIN, string][]) {
    const of = verb === 'rerun' ? 'COMPENSATED' : verb === 'pause' ? 'LIVE' : 'PAUSED'
    example(verbCommand(program, verb, about), `${verb} $${of} --reason 'as the customer asked'`).action(
      (id: string, given: Given) => ordered(session, verb, id, given, (client, by) => client.operator[verb](id, by)),
    )
  }
  example(
    verbCommand(program, 'resolve', 'Says that a dead letter was handled outside, and as what. Final.').requiredOption(
      '--as <status>',
      'completed or compensated',
    ),
    "resolve $SAGA --as compensated --reason 'refunded by hand'",
  ).action((id: string, given: Given & { readonly as: string }) => {
    const { as } = given
    if (as !== 'completed' && as !== 'compensated') throw new UsageError('--as is completed or compensated.')
    return ordered(session, 'resolve', id, given, (client, by) => client.operator.resolve(id, { ...by, as }))
  })
  example(
    verbCommand(program, 'complete', 'Says that a step was done outside, with what came of it.')
      .requiredOption('--step <name>', 'the step')
      .option('--result <json>', 'what its action would have returned'),
    `complete $SAGA --step ship --result '"by hand"' --reason 'carried over by a colleague'`,
  ).action((id: string, given: Given & { readonly step: string; readonly result?: string }) => {
    const result = given.result === undefined ? {} : { result: json('--result', given.result) }
    return ordered(session, 'complete', id, given, (client, by) =>
      client.operator.complete(id, { ...by, step: given.step, ...result }),
    )
  })
  example(
    verbCommand(program, 'edit-input', 'Gives a dead letter another input and sends it on.').requiredOption(
      '--input <json>',
      'as it is stored',
    ),
    `edit-input $SAGA --input '{"nr":7}' --reason 'a wrong number'`,
  ).action((id: string, given: Given & { readonly input: string }) => {
    const input = json('--input', given.input)
    return ordered(session, 'edit-input', id, given, (client, by) => client.operator.editInput(id, { ...by, input }))
  })
  example(
    verbCommand(program, 'erase', 'Removes the payloads of a saga at rest, for good.').option('--tags', 'and its tags'),
    "erase $COMPLETED --reason 'the customer asked for it'",
  ).action((id: string, given: Given & { readonly tags?: boolean }) =>
    ordered(session, 'erase', id, given, (client, by) =>
      client.operator.erase(id, { ...by, ...(given.tags === true ? { tags: true } : {}) }),
    ),
  )
}

function verbCommand(program: Command, verb: string, about: string): Command {
  return program
    .command(`${verb} <id>`)
    .description(about)
    .option('--reason <text>', 'why; it stays in the journal')
    .option('--request-id <id>', 'the same one acts once')
}

/** @throws UsageError without a reason. */
export function byOf(session: Session, given: Pick<Given, 'reason' | 'requestId'>): By {
  if (given.reason === undefined) throw new UsageError('Why? Give --reason; it stays in the journal.')
  return {
    actor: session.actor,
    reason: given.reason,
    ...(given.requestId === undefined ? {} : { requestId: given.requestId }),
  }
}

async function planned(session: Session, verb: keyof typeof PLANNED, id: string, given: Given): Promise<void> {
  const pastPivot = given.pastPivot === true ? { pastPivot: true } : {}
  if (given.dryRun === true) {
    const plan = await session.withClient((client) => client.operator.plan(id, verb, pastPivot))
    session.printer.one(plan, () => shownPlan(session, plan))
    return
  }
  const plan = given.plan === undefined ? {} : { plan: given.plan }
  await ordered(session, verb, id, given, (client, by) =>
    client.operator[verb](id, { ...by, ...plan, ...(verb === 'compensate' ? pastPivot : {}) }),
  )
}

function shownPlan(session: Session, plan: ShownPlan): string {
  const { style } = session.printer
  const steps = plan.steps.map(({ step, will, items }) => {
    return `  ${clean(step).padEnd(24)} ${WILL[will]}${items === undefined ? '' : ` (${items} items)`}`
  })
  const waits = plan.waitsForPivot ? ['It waits for how the pivot ends.'] : []
  return [
    `${plan.order} would do this:`,
    ...steps,
    ...waits,
    style('dim', `To hold it to that: --plan ${plan.hash}`),
  ].join('\n')
}

async function ordered(
  session: Session,
  verb: string,
  id: string,
  given: Given,
  order: (client: SagaClient, by: By) => Promise<Done & { readonly newSagaId?: string }>,
): Promise<void> {
  const by = byOf(session, given)
  const done = await session.withClient((client) => order(client, by))
  session.printer.one(done, () => {
    const again = done.repeated ? ', as the same request has before' : ''
    return done.newSagaId === undefined ? `${verb}: ${id}${again}` : `${verb}: ${done.newSagaId}${again}`
  })
}
