/**
 * The one way by which anything is changed from here: parse → authorize → do → answer. The engine records the act in the
 * transaction of its effect.
 */
import type { Action, Target } from '../engine/access.ts'
import type { Ctx } from './answers.ts'
import type { AuthorizeActor } from './options.ts'
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
  authorize: AuthorizeActor,
  { parse, rights, perform }: Change<Input>,
): Promise<Response> {
  demandForm(c)
  const input = await parse()
  for (const { action, target } of rights(input)) await demandRight(authorize, c.get('view').actor, action, target)
  return perform(input)
}
