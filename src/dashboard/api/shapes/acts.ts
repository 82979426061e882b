/** What an act on one saga takes. */
import { z } from 'zod'
import { json, requestId, storable, why } from './parts.ts'

const by = { reason: why, requestId }

const plan = z
  .string()
  .regex(/^[\w-]{1,64}$/, 'is the hash of the plan that was shown')
  .describe('The hash of the plan that was looked at.')

const shown = z
  .array(z.strictObject({ step: z.string().max(200), will: z.string().max(50), items: z.int().optional() }))
  .max(1_000)
  .optional()
  .describe('The steps of that plan: if it has changed, the answer then says what has.')

export const plannedBody = z.strictObject({ ...by, plan, shown })
export const plainBody = z.strictObject(by)
export const resolveBody = z.strictObject({ ...by, as: z.enum(['completed', 'compensated']) })
export const completeBody = z.strictObject({
  ...by,
  step: storable(200),
  result: json.optional().describe('What the action would have returned.'),
})
export const editBody = z.strictObject({ ...by, input: json })
export const eraseBody = z.strictObject({ ...by, tags: z.boolean().default(false).describe('Removes the tags, too.') })
