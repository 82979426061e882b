/** The program in this process, with a terminal that remembers. */
import { join } from 'node:path'
import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'

export type Answer = {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly rows: readonly unknown[]
}

export type CallOptions = {
  /** A person looks. Else what is written is JSON. */
  readonly isTerminal?: boolean
  readonly width?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** What the person answers. */
  readonly answer?: string
  readonly onOut?: (text: string) => void
  readonly onAsk?: (question: string) => void
}

export const FIXTURES = join(import.meta.dirname, 'fixtures')

/** @param args as the shell would have split them. */
export async function call(
  connectionString: string,
  args: readonly string[],
  options: CallOptions = {},
): Promise<Answer> {
  let out = ''
  let err = ''
  const code = await main(args, {
    ...ioOf(connectionString, options),
    out: (text) => {
      out += text
      options.onOut?.(text)
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err, rows: rowsOf(out) }
}

/** A terminal that forgets what is written to it. */
export function ioOf(connectionString: string | undefined, options: CallOptions = {}): Io {
  return {
    out: () => {},
    err: () => {},
    isTerminal: options.isTerminal ?? false,
    width: options.width ?? 200,
    env: {
      ...(connectionString === undefined ? {} : { DATABASE_URL: connectionString }),
      PG_SAGA_USER: 'ada',
      ...options.env,
    },
    cwd: options.cwd ?? FIXTURES,
    signal: options.signal ?? new AbortController().signal,
    ask: async (question) => {
      options.onAsk?.(question)
      return options.answer
    },
  }
}

function rowsOf(out: string): readonly unknown[] {
  try {
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown)
  } catch {
    return []
  }
}
