/** What is asked of the database while a page is made, and how the planner answers it. */
import pg from 'pg'

export type Statement = {
  readonly text: string
  readonly values: readonly unknown[]
  readonly ms: number
  /** What its transaction had set before, as a statement. */
  readonly settings: string
}

/** The tables that grow with every saga: whoever reads them from end to end has forgotten an index. */
const GROWING = ['saga', 'saga_event']

type Query = (this: pg.Client, ...given: unknown[]) => unknown

/** Writes down every statement of this process until `end`. */
export class Recorder {
  readonly #statements: Statement[] = []
  // Called with the client that it belongs to.
  readonly #original: Query = Reflect.get(pg.Client.prototype, 'query')

  constructor() {
    const [original, statements] = [this.#original, this.#statements]
    const settings = new WeakMap<pg.Client, string>()
    const recorded: Query = function (...given) {
      const begun = performance.now()
      const answer = original.apply(this, given)
      const [first, second] = given
      const text = typeof first === 'string' ? first : (first as { text?: string } | undefined)?.text
      const before = settings.get(this) ?? ''
      if (text !== undefined) settings.set(this, settingsAfter(text, before))
      const values = Array.isArray(second) ? second : ((first as { values?: unknown[] } | undefined)?.values ?? [])
      if (text !== undefined && answer instanceof Promise) {
        const done = () => void statements.push({ text, values, ms: performance.now() - begun, settings: before })
        answer.then(done, done)
      }
      return answer
    }
    pg.Client.prototype.query = recorded as never
  }

  /** Those since the last time. */
  take(): readonly Statement[] {
    return this.#statements.splice(0)
  }

  end(): void {
    pg.Client.prototype.query = this.#original as never
  }
}

/** They hold until the end of the transaction. */
function settingsAfter(text: string, before: string): string {
  if (/^\s*(commit|rollback)\b/i.test(text)) return ''
  const own = [...text.matchAll(/\bset local [^;]+/gi)].map(([one]) => `${one};`).join(' ')
  return /^\s*begin\b/i.test(text) ? own : before + own
}

type Plan = {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Loops'?: number
  readonly 'Actual Rows'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly Plans?: readonly Plan[]
}

export type Explained = {
  readonly ms: number
  /** Tables that are read from end to end. */
  readonly scanned: readonly string[]
  /** Rows of them that were read and thrown away: an index that is walked from end to end looks like this. */
  readonly wasted: number
  /** Rows of them that were read and used: to be sorted, perhaps, and thrown away then. */
  readonly used: number
  readonly text: string
}

/** @returns `undefined` for what has no plan, such as `begin`. */
export async function explain(
  client: pg.Client,
  { text, values, settings }: Statement,
): Promise<Explained | undefined> {
  if (!/^\s*(select|with)\b/i.test(text)) return undefined
  await client.query(`begin read only; ${settings}`)
  try {
    const { rows } = await client.query(`explain (analyze, format json) ${text}`, [...values])
    const [{ Plan: plan, 'Execution Time': ms }] = rows[0]['QUERY PLAN'] as [{ Plan: Plan; 'Execution Time': number }]
    return {
      ms,
      scanned: scansOf(plan),
      wasted: wasteOf(plan),
      used: usedOf(plan),
      text: JSON.stringify(plan, null, 1),
    }
  } finally {
    await client.query('rollback')
  }
}

function wasteOf(plan: Plan): number {
  const isGrowing = GROWING.some((table) => table === plan['Relation Name'])
  const each = (plan['Rows Removed by Filter'] ?? 0) + (plan['Rows Removed by Index Recheck'] ?? 0)
  const own = isGrowing ? each * (plan['Actual Loops'] ?? 1) : 0
  return (plan.Plans ?? []).reduce((sum, inner) => sum + wasteOf(inner), own)
}

function usedOf(plan: Plan): number {
  const isGrowing = GROWING.some((table) => table === plan['Relation Name'])
  const own = isGrowing ? (plan['Actual Rows'] ?? 0) * (plan['Actual Loops'] ?? 1) : 0
  return (plan.Plans ?? []).reduce((sum, inner) => sum + usedOf(inner), own)
}

function scansOf(plan: Plan): readonly string[] {
  const own = plan['Node Type'] === 'Seq Scan' ? GROWING.filter((table) => table === plan['Relation Name']) : []
  return [...own, ...(plan.Plans ?? []).flatMap(scansOf)]
}
