/** What a definition or a contract says of how its sagas are started, checked where it is said. */
import type { BlueprintProblem } from './core/blueprint.ts'
import { isPriority, PRIORITY_PROBLEM, type Starting } from './definition.ts'

/** Options of a definition, or a contract, that hold for all of its starts; a start can overrule them. */
export type StartingOptions = {
  /** A whole number from -1000 to 1000, 0 by default: what is due of sagas of a higher one starts first. */
  readonly priority?: number
}

/** @param problems what is wrong is added here, with its place. */
export function startingOf(given: StartingOptions, problems: BlueprintProblem[]): Starting | undefined {
  const { priority } = given
  if (priority !== undefined && !isPriority(priority)) {
    problems.push({ at: 'priority', problem: `${PRIORITY_PROBLEM}, not ${JSON.stringify(priority)}` })
  }
  const starting: Starting = { ...(priority === undefined ? {} : { priority }) }
  return Object.keys(starting).length === 0 ? undefined : starting
}
