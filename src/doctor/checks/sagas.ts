/** Sagas: dead letters, those without progress, those that wait for what is not there, timers that nobody looks at. */
import { deadLettersByReason, overdueTimers } from '../../engine/store/health.ts'
import { lackingInPage, WATCHED } from '../../jobs/lacking.ts'
import { failing, many, ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const PAGE = 500
const MOST_PAGES = 40
const NAMED = 3
/** Workers look at least twice a second. */
const OVERDUE_MS = 60_000

export const deadLetters: Check = async ({ schema, transaction }) => {
  const found = await transaction((tx) => deadLettersByReason(tx, schema))
  if (found.length === 0) return [ok('dead-letters', 'There are none.')]
  return found.map(({ reason, count, oldestAt }) =>
    warning(
      'dead-letters',
      `${many(count, 'saga needs', 'sagas need')} a person: ${reason}, the oldest since ${oldestAt.toISOString()}.`,
      `\`pg-saga errors\` groups them; \`pg-saga list --dead-reason ${reason}\` lists them.`,
    ),
  )
}

export const stuck: Check = async ({ duties }) => {
  const { found, outcomes, sagas } = await duties.recovery({ isDry: true, goesOn: () => true })
  if (found === 0) return [ok('stuck', 'All sagas make progress, or wait for something.')]
  const first = sagas.slice(0, NAMED).map(({ sagaId, definition }) => `${sagaId} (${definition})`)
  const { queued = 0 } = outcomes
  const says = `${many(found, 'saga has', 'sagas have')} made no progress although nothing keeps them: ${first.join(', ')}${found > NAMED ? ' and others' : ''}.`
  if (queued === found)
    return [
      failing(
        'stuck',
        says,
        'Their jobs are in the queue: start more workers, or look why those that there are fetch nothing.',
      ),
    ]
  return [
    failing('stuck', says, '`pg-saga recover --dry-run` says what would become of them, `pg-saga recover` does it.'),
  ]
}

/** What the watchdog would find. It is sound: one snapshot answers. */
export const orphans: Check = async ({ transaction, schema, bossSchema }) => {
  let sagas = 0
  let count = 0
  const named: string[] = []
  for (const status of WATCHED) {
    let after: string | undefined
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const from = after
      const page = await transaction((tx) => lackingInPage(tx, { schema, bossSchema }, status, from, PAGE))
      sagas += page.sagas
      count += page.lacking.length
      for (const { sagaId, what } of page.lacking) if (named.length < NAMED) named.push(`${sagaId} (${what})`)
      after = page.sagas < PAGE ? undefined : page.last
      if (after === undefined) break
    }
  }
  if (count === 0) return [ok('orphans', `None among ${many(sagas, 'saga')}.`)]
  const says = `${many(count, 'saga waits', 'sagas wait')} for what is not there: ${named.join(', ')}${count > NAMED ? ' and others' : ''}.`
  return [
    failing(
      'orphans',
      says,
      'The watchdog of a worker puts it back within minutes. Find out who deletes from the tables.',
    ),
  ]
}

export const timers: Check = async ({ schema, transaction }) => {
  const { count, oldestMs } = await transaction((tx) => overdueTimers(tx, schema, OVERDUE_MS))
  if (count === 0) return [ok('timers', 'None is overdue.')]
  const says = `${many(count, 'timer is', 'timers are')} overdue, the oldest for ${Math.round(oldestMs / 1000)} s.`
  return [warning('timers', says, 'Start more workers, or look what keeps those that there are.')]
}
