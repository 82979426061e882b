/** Compares what a saga says of itself with what really took effect. Asked when all that hung has come back. */
import { definedName, HOOK_STEP, nodeOf, stepOf } from '../../../src/engine/core/blueprint.ts'
import type { StepState } from '../../../src/engine/core/state.ts'
import { ownNames } from './blueprints.ts'
import { keyOf } from './keys.ts'
import { stepEntries } from './reading.ts'
import type { World } from './world.ts'

/** What the saga says and the world does not bear out; empty when it is honest. */
export function lies(world: World): readonly string[] {
  return [...stepLies(world), ...endLies(world), ...hookLies(world)]
}

function* stepLies(world: World): Generator<string> {
  for (const [name, step] of stepEntries(world)) {
    const stands = standing(world, name, step)
    // A late success may speak of an effect that was undone before its word came: then one more round is for nothing.
    if (step.state === 'completed' && step.round === 1 && !stands) yield `${name} is completed, and nothing took effect`
    // A resolved saga does nothing more about an effect that comes after all; it only knows of it.
    const known = step.maybeApplied === true || step.lateEffect === true
    if (step.state === 'compensated' && stands && !known) yield `${name} is compensated, and its effect stands`
    if (step.state === 'failed' && stands && !known) yield `${name} is failed, not applied, and its effect stands`
    if (step.state === 'skipped' && !stands) yield `${name} is skipped as done, and nothing took effect`
    if (world.settings.manners === 'polite' && world.provider.effect(keyOf(name)).times > 1) {
      yield `${name} took effect ${world.provider.effect(keyOf(name)).times} times`
    }
  }
  for (const name of ownNames(world.settings.blueprint)) {
    if (world.state.steps[name] === undefined && standing(world, name, undefined))
      yield `${name} took effect and is not known`
  }
}

/** At its end a saga is all done, or undone but for what it says is left. */
function* endLies(world: World): Generator<string> {
  const { status } = world.state
  if (status !== 'completed' && status !== 'compensated') return
  const left = status === 'completed' ? ['completed'] : ['compensated', 'failed', 'skipped', 'left_in_doubt']
  for (const [name, step] of stepEntries(world)) {
    const isPassed =
      step.fellBack === true ? step.state === 'failed' : isCollected(world, name) && ENDED.includes(step.state)
    if (status === 'completed' && isPassed) continue
    if (!left.includes(step.state)) yield `${status}, and ${name} is ${step.state}`
    const node = stepOf(world.settings.blueprint, name)
    if (step.state === 'skipped' && (node?.compensation === true || node?.kind === 'child'))
      yield `${name} is skipped, and can be undone`
    const leftAlone = node?.compensation !== true || node.compensateWhen === 'completed'
    if (step.state === 'left_in_doubt' && !leftAlone) yield `${name} is left in doubt, and can be undone`
  }
}

const ENDED: readonly string[] = ['failed', 'in_doubt']

/** Whether the failure of the step is a result like others. */
export function isCollected(world: World, name: string): boolean {
  const map = nodeOf(world.settings.blueprint, definedName(name))
  return map?.node === 'map' && map.collect === true
}

function* hookLies(world: World): Generator<string> {
  const { status } = world.state
  if (status !== 'completed' && status !== 'compensated') return
  const has = world.settings.blueprint.hooks.includes(status) && world.state.blueprint !== null
  const times = world.hooks.count(HOOK_STEP[status])
  if (times !== (has ? 1 : 0)) yield `${status}, and its hook took effect ${times} times`
}

/** Whether the step's effect stands in the world. */
export function standing(world: World, name: string, step: StepState | undefined): boolean {
  const kind = stepOf(world.settings.blueprint, name)?.kind
  if (kind === 'external') return world.provider.effect(keyOf(name)).applied
  if (kind === 'transactional') return world.rows.count(name) === 1
  const child = world.children.byId.get(step?.child?.id ?? '')
  return child !== undefined && child.state !== 'compensated'
}
