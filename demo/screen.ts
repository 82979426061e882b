/** What the demo shows: events as sentences with their time, and progress as a bar on a terminal, as lines elsewhere. */

export type Counts = {
  readonly placed: number
  readonly completed: number
  readonly compensated: number
  readonly deadLettered: number
}

const LINE_EACH_MS = 2_000
const MAX_BAR = 40
const CLEAR_LINE = '\r\u001b[2K'

export class Screen {
  readonly #total: number
  readonly #startedAt = performance.now()
  #bar = ''
  #lastLine = ''
  #lastLineAt = 0

  constructor(total: number) {
    this.#total = total
  }

  /** Something happened. */
  say(sentence: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1)
    this.print(`${seconds.padStart(5)} s  ${sentence}`)
  }

  /** Text as it is; the bar stays below it. */
  print(text = ''): void {
    if (process.stdout.isTTY) process.stdout.write(`${CLEAR_LINE}${text}\n${this.#bar}`)
    else console.log(text)
  }

  progress(counts: Counts): void {
    if (process.stdout.isTTY) {
      this.#bar = barOf(counts, this.#total, process.stdout.columns ?? 80)
      process.stdout.write(`${CLEAR_LINE}${this.#bar}`)
      return
    }
    const line = describe(counts, this.#total)
    const now = performance.now()
    if (line === this.#lastLine || now - this.#lastLineAt < LINE_EACH_MS) return
    this.#lastLine = line
    this.#lastLineAt = now
    this.say(line)
  }

  /** The bar is not needed any more. */
  endProgress(): void {
    if (process.stdout.isTTY) process.stdout.write(CLEAR_LINE)
    this.#bar = ''
  }
}

function describe(counts: Counts, total: number): string {
  const { placed, completed, compensated, deadLettered } = counts
  const underWay = placed - completed - compensated - deadLettered
  return `${placed}/${total} placed: ${completed} completed, ${compensated} compensated, ${deadLettered} dead-lettered, ${underWay} under way`
}

/** As wide as the terminal allows: a line that wraps could not be drawn over. */
export function barOf(counts: Counts, total: number, columns: number): string {
  const atRest = counts.completed + counts.compensated + counts.deadLettered
  const text = ` ${atRest}/${total}  ✓ ${counts.completed}  ↩ ${counts.compensated}  ✗ ${counts.deadLettered}`
  const width = Math.min(MAX_BAR, columns - text.length - 3)
  if (width < 5) return text.trim().slice(0, Math.max(0, columns - 1))
  const part = (count: number) => Math.min(width, Math.round((count / total) * width))
  const done = part(atRest)
  const placed = Math.max(done, part(counts.placed))
  return `[${'█'.repeat(done)}${'▒'.repeat(placed - done)}${'·'.repeat(width - placed)}]${text}`
}

/** Rows of two columns, the second one right-aligned; indented ones belong to the one above. */
export function table(rows: readonly (readonly [name: string, value: string])[]): string {
  const nameWidth = Math.max(...rows.map(([name]) => name.length))
  const valueWidth = Math.max(...rows.map(([, value]) => value.length))
  return rows.map(([name, value]) => ` ${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)}`).join('\n')
}
