/**
 * The one way by which anything is changed from here: parse → authorize → do → answer. The engine records the act in the
 * transaction of its effect; what is refused for want of a right is recorded here.
 */
import type { Action, Target } from '../engine/access.ts'
import type { Acting } from './acts.ts'
import type { Ctx } from './answers.ts'
import type { Actor } from './options.ts'
import { demandForm } from './posting.ts'
import { demandRight } from './security/rights.ts'

export type Right = { readonly action: Action; readonly target: Target }

export type Change<Input> = {
  /** @throws Refusal for what cannot be. What can be mended in the form is for `perform`. */
  readonly parse: () => Promise<Input>
  /** Each of them is needed. */
  readonly rights: (input: Input) => readonly Right[]
  readonly perform: (input: Input) => Promise<Response>
}

export async function change<Input>(
  c: Ctx,
  acting: Acting,
  { parse, rights, perform }: Change<Input>,
): Promise<Response> {
  demandForm(c)
  const input = await parse()
  const { actor, requestId } = c.get('view')
  for (const right of rights(input)) await demandRightToChange(acting, { actor, requestId }, right)
  return perform(input)
}

type Asking = { readonly actor: Actor; readonly requestId: string }

/**
 * Of pages and API alike.
 *
 * @throws Refusal 403, when it is written down that somebody tried. Where that cannot be, the log has it.
 */
export async function demandRightToChange(
  { client, authorize, logger }: Acting,
  { actor, requestId }: Asking,
  { action, target }: Right,
): Promise<void> {
  try {
    await demandRight(authorize, actor, action, target)
  } catch (error) {
    await client.audit.denied({ actor: actor.id, action, target }).catch((why: unknown) => {
      logger.warn({ requestId, actor: actor.id, action, error: why }, 'A refusal could not be written to the audit.')
    })
    throw error
  }
}
