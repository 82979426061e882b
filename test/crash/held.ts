/** One external step that takes as long as its service wants it to. */
import { z } from 'zod'
import { sagasFor } from '../../src/index.ts'

export const held = sagasFor<{ services: { run(): Promise<void> }; tx: unknown }>()('held', {
  version: 1,
  input: z.object({}),
}).step('hold', { action: ({ services }) => services.run(), timeout: '10 minutes' })
