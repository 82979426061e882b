/** What is printed: a line a round, and at the end fault × times × violations, and how long things took. */
import type { RoundResult } from './round.ts'

export function lineOf({
  plan,
  sagas,
  calls,
  deadLetters,
  repeated,
  violations,
  figures,
  seconds,
}: RoundResult): string {
  const shown = figures.map(({ name, ms }) => `${name} ${ms} ms`).join(', ')
  const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`
  const names = plan.faults.map(({ name }) => name).join(' + ')
  return `${String(plan.number).padStart(4)}  ${names}: ${verdict}; ${sagas} sagas, ${calls} calls, ${deadLetters} dead letters worked off, ${repeated} attempts lost; ${seconds.toFixed(1)} s; ${shown}`
}

/** As a table that a page can take. */
export function tableOf(results: readonly RoundResult[]): string {
  const names = [...new Set(results.flatMap(({ plan }) => plan.faults.map(({ name }) => name)))].sort()
  const rows = names.map((name) => {
    const own = results.filter(({ plan }) => plan.faults.some((fault) => fault.name === name))
    const says = own[0]?.plan.faults.find((fault) => fault.name === name)?.says ?? ''
    return [
      name,
      says,
      own.length,
      sum(own, ({ sagas }) => sagas),
      sum(own, ({ calls }) => calls),
      sum(own, (one) => (isBroken(one) ? 1 : 0)),
    ]
  })
  return markdown(['fault', 'what it does', 'rounds', 'sagas', 'calls outside', 'rounds with violations'], rows)
}

export function figuresOf(results: readonly RoundResult[]): string {
  const all = results.flatMap(({ figures }) => figures)
  const rows = [...new Set(all.map(({ name }) => name))].sort().map((name) => {
    const times = all
      .filter((figure) => figure.name === name)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b)
    return [name, times.length, times[0] ?? 0, times[Math.floor(times.length / 2)] ?? 0, times.at(-1) ?? 0]
  })
  return markdown(['how long', 'times', 'least ms', 'median ms', 'most ms'], rows)
}

export function isBroken({ violations }: RoundResult): boolean {
  return violations.length > 0
}

function markdown(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function sum(results: readonly RoundResult[], of: (result: RoundResult) => number): number {
  return results.reduce((total, result) => total + of(result), 0)
}
