/** Where the program reads and writes, so that tests can be its terminal. */
export type Io = {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether a person looks at what is written to `out`. */
  readonly isTerminal: boolean
  /** Columns of the terminal. */
  readonly width: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder in which the config file and the lock file lie. */
  readonly cwd: string
  /** Aborted when somebody wants the program to end: Ctrl-C. */
  readonly signal: AbortSignal
  /** A line from the person, where there is one. */
  readonly ask: (question: string) => Promise<string | undefined>
}
