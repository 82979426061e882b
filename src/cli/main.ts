/** One call of the program: parses the arguments, does what they say, and answers with the exit code. */
import { createInterface } from 'node:readline/promises'
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf, lineOf } from './exit.ts'
import type { Io } from './io.ts'
import { clean, jsonOf } from './print.ts'
import { programFor } from './program.ts'

/** By the convention of shells, for SIGINT. */
const ENDED_BY_SIGNAL = 130

/** @returns the exit code. Never rejects. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const state = { exitCode: EXIT.done }
  const program = programFor(io, state)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return state.exitCode
  } catch (error) {
    // Commander has written what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    const code = exitCodeOf(error)
    const isJson = program.opts<{ json?: boolean }>().json === true
    const line = lineOf(error)
    io.err(isJson ? `${jsonOf({ error: line })}\n` : `${line.message.split('\n').map(clean).join('\n')}\n`)
    return code
  }
}

/** Of this process. */
export function ownIo(): Io {
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (ending.signal.aborted) process.exit(ENDED_BY_SIGNAL)
      ending.abort()
    })
  }
  // Whoever reads it may have had enough: `pg-saga list | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTerminal: process.stdout.isTTY === true,
    width: process.stdout.columns ?? 120,
    env: process.env,
    cwd: process.cwd(),
    signal: ending.signal,
    ask: async (question) => {
      if (process.stdin.isTTY !== true) return undefined
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return await lines.question(question, { signal: ending.signal })
      } finally {
        lines.close()
      }
    },
  }
}
