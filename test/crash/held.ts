/** One external step that takes as long as its service wants it to, with a limit and without. */
import { z } from 'zod'
import { sagasFor } from '../../src/index.ts'

const define = sagasFor<{ services: { run(): Promise<void> }; tx: unknown }>()
const input = z.object({})

export const held = define('held', { version: 1, input }).step('hold', {
  action: ({ services }) => services.run(),
  timeout: '10 minutes',
})

export const LIMIT = 3

export const heldFew = define('held-few', { version: 1, input }).step('hold', {
  action: ({ services }) => services.run(),
  timeout: '10 minutes',
  maxConcurrent: LIMIT,
})

/** One at a time, whatever becomes of their workers. */
export const inLine = define('in-line', {
  version: 1,
  input: z.object({ place: z.number() }),
  concurrency: { key: () => 'the only one' },
}).step('hold', { action: ({ services }) => services.run() })
