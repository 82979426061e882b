/** The demo's last page: how the orders ended, how fast, and which of them need a person. */
import { refusalOf } from './checks.ts'
import type { Facts, SagaFact } from './facts.ts'
import { table } from './screen.ts'

/** How the orders ended, by reason. */
export function endings({ sagas, bestSecond }: Facts, elapsedMs: number): string {
  const of = (status: SagaFact['status']) => sagas.filter((saga) => saga.status === status)
  const compensated = of('compensated')
  const dead = of('dead_lettered')
  const perSecond = Math.round(sagas.length / (elapsedMs / 1000))
  return table([
    ['completed', String(of('completed').length)],
    ['compensated', String(compensated.length)],
    ...reasons(compensated, (saga) => refusalOf(saga) ?? `${saga.failedStep}: ${saga.error}`),
    ['dead-lettered', String(dead.length)],
    ...reasons(dead, (saga) => saga.reason ?? ''),
    ['orders per second', String(perSecond)],
    ['  in the best second', String(bestSecond)],
  ])
}

function reasons(sagas: readonly SagaFact[], name: (saga: SagaFact) => string): [string, string][] {
  const counts = [...Map.groupBy(sagas, name)].map(([reason, group]) => [reason, group.length] as const)
  return counts.sort(([, a], [, b]) => b - a).map(([reason, count]) => [`  ${reason}`, String(count)])
}

/** The sagas that need a person, each with what happened to it. */
export function needsYou({ sagas }: Facts, address: string): string {
  const dead = sagas
    .filter(({ status }) => status === 'dead_lettered')
    .toSorted((a, b) => (a.reason ?? '').localeCompare(b.reason ?? '') || a.orderId - b.orderId)
  const lines = dead.map(
    (saga) => ` order ${saga.orderId}  ${saga.reason}: ${whatHappened(saga)}\n     ${saga.deadError ?? ''}`,
  )
  const needed = dead.length === 1 ? '1 saga needs you' : `${dead.length} sagas need you`
  const each = dead.length > 1 && new Set(dead.map(({ reason }) => reason)).size === dead.length
  return [`${needed}${each ? ', each for another reason' : ''}: ${address}`, ...lines].join('\n')
}

function whatHappened({ reason, deadStep }: SagaFact): string {
  if (reason === 'compensation_exhausted') return `the other steps are undone, ${deadStep} could not be`
  if (reason === 'past_pivot') return `it is shipped, and ${deadStep} failed after that`
  if (reason === 'pivot_in_doubt') return `nobody knows whether ${deadStep} took effect`
  if (reason === 'forward_exhausted') return `${deadStep} got no answer, and a person has to decide`
  if (reason === 'hook') return 'all steps are done, and the last entry in our own books failed'
  return `it stopped at ${deadStep}`
}
