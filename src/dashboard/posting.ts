/** What every act from here begins with: a form, and nothing else, of a known shape. */
import type { z } from 'zod'
import type { Ctx } from './answers.ts'
import { Refusal } from './security/refusal.ts'
import { DOOR } from './view.ts'

const FORM_LOST =
  'Something in front of the dashboard has read the form and left nothing of it. Mount the dashboard before it. Nothing was done.'

/** @throws Refusal 415 for what is no form, 400 for one that is gone. Asked before anything is looked up. */
export function demandForm(c: Ctx): void {
  if (c.env?.[DOOR]?.isFormLost === true) throw new Refusal(400, 'The form was lost', FORM_LOST)
  if (/^application\/x-www-form-urlencoded\b/i.test(c.req.header('content-type') ?? '')) return
  throw new Refusal(415, 'Not a form', 'Acts are taken as forms. Nothing was done.')
}

/** @param again Where the form is to be had. @throws Refusal 400. */
export async function formOf<T extends z.ZodType>(c: Ctx, schema: T, again: string): Promise<z.output<T>> {
  const form = schema.safeParse(await c.req.parseBody())
  if (form.success) return form.data
  throw new Refusal(400, 'Not understood', `The form was not complete. Open it again from ${again}.`)
}
