/** Who may do what: the host's own answer, or the three roles. */
import type { Action, Target } from '../../engine/access.ts'
import type { Actor, AuthorizeActor, Role } from '../options.ts'
import { Refusal } from './refusal.ts'

/** What cannot be undone, or says that money has moved where nobody has looked. */
const ONLY_ADMIN: readonly Action[] = ['compensate_past_pivot', 'maintain', 'revert', 'complete', 'edit_input', 'erase']

/** The rights of the roles. An actor without one is a viewer. */
export const BY_ROLE: AuthorizeActor = ({ role = 'viewer' }, action, { pastPivot }) => {
  const may: Record<Role, boolean> = {
    viewer: action === 'read',
    operator: !ONLY_ADMIN.includes(action) && pastPivot !== true,
    admin: true,
  }
  return may[role] === true
}

/** Whether the host lets the actor do that. An exception is no. */
export async function may(authorize: AuthorizeActor, actor: Actor, action: Action, target: Target): Promise<boolean> {
  try {
    return (await authorize(actor, action, target)) === true
  } catch {
    return false
  }
}

/** @throws Refusal 403. */
export async function demandRight(
  authorize: AuthorizeActor,
  actor: Actor,
  action: Action,
  target: Target,
): Promise<void> {
  if (await may(authorize, actor, action, target)) return
  const what = action === 'read' ? 'see this' : `order: ${action.replaceAll('_', ' ')}`
  throw new Refusal(
    403,
    'No right',
    `${actor.name ?? actor.id} may not ${what}. ${lacking(authorize, actor, action, target)}`,
  )
}

/** Who has the right, or gives it. */
export function grantedBy(authorize: AuthorizeActor, action: Action): string {
  if (authorize !== BY_ROLE) return 'Whoever set up authorize()'
  if (action === 'read') return 'Everybody who is let in has it'
  return ONLY_ADMIN.includes(action) ? 'Only admins have it' : 'Operators and admins have it'
}

/** What would have to be so, for whoever is asked for it. */
function lacking(authorize: AuthorizeActor, { role = 'viewer' }: Actor, action: Action, target: Target): string {
  if (authorize !== BY_ROLE) {
    const parts = Object.entries(target).map(([name, value]) => `${name} ${String(value)}`)
    const of = parts.length === 0 ? '' : ` (${parts.join(', ')})`
    return `That takes the right ${action}${of}. Whoever set up authorize() decides that.`
  }
  const isAdmins = ONLY_ADMIN.includes(action) || target.pastPivot === true
  return `That takes the right ${action}, which ${isAdmins ? 'only admins have' : 'operators and admins have'}; the role is ${role}.`
}
