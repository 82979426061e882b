/** What a graph shows, before anybody knows where: the tree of steps, and what stands in each box. */
import type { Icon, Sign, Tone } from '../words/states.ts'

/** What a box says beside its name. */
export type Face = {
  readonly word: string
  readonly icon: Icon
  readonly tone: Tone
  /** Behind the word: how long it took, how many of a map's items are done. */
  readonly beside?: string
  /** It has been come to. The way there is drawn more strongly. */
  readonly isReached: boolean
}

export type GraphStep = {
  readonly node: 'step'
  /** Unique in the graph. */
  readonly name: string
  /** Where the page says more of it. */
  readonly href?: string
  readonly forward: Face
  /** `none`: nothing undoes it. Absent where there is nothing to undo: a choice has no effect of its own. */
  readonly back?: Face | 'none'
  readonly isPivot?: boolean
  /** One box for a step of each item of a list. */
  readonly isMap?: boolean
  /** Runs in its place. */
  readonly fallback?: GraphStep
}

export type GraphParallel = { readonly node: 'parallel'; readonly lanes: readonly (readonly GraphNode[])[] }

/** `isTaken`: or may be. */
export type GraphOption = { readonly label: string; readonly nodes: readonly GraphNode[]; readonly isTaken: boolean }

export type GraphBranch = {
  readonly node: 'branch'
  readonly choice: GraphStep
  readonly options: readonly GraphOption[]
  /** Whether none of them was taken, or may be. */
  readonly isNoneTaken: boolean
}

export type GraphNode = GraphStep | GraphParallel | GraphBranch

export function faceOf(sign: Sign, isReached: boolean, beside?: string): Face {
  return { ...sign, isReached, ...(beside === undefined ? {} : { beside }) }
}
