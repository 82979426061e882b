/**
 * Where everything of a graph stands: boxes and lines as numbers, from the tree alone.
 *
 * 1. Going forward is to the right. Lanes and ways lie in rows of their own, and row 0 is the one next to the middle.
 * 2. Below the middle lies the mirror image: the compensation of a step is as far below it as the step is above.
 * 3. A line turns only in the gap before a column, and what lies behind the end of a lane is empty: no line crosses a
 *    box, but for those between compensations, which pass behind the box of a step that nothing undoes.
 */
import type { Face, GraphBranch, GraphNode, GraphStep } from './nodes.ts'

const HEIGHT = 48
const GAP_X = 34
const GAP_Y = 28
const EDGE = 18
/** Room for the name of a lane of the picture, and for what stands above its first boxes. */
const LABEL = 36
/** From the last box above the middle to the first one below it. */
const MIDDLE = 56
const MIN_WIDTH = 132
const MAX_WIDTH = 216
/** Of one letter, at the most. */
const LETTER = 7.4

export type Point = { readonly x: number; readonly y: number }

export type Box = Point & {
  readonly width: number
  readonly height: number
  readonly side: 'forward' | 'back'
  readonly step: GraphStep
  readonly face: Face | 'none'
  /** The name of the way that begins here. */
  readonly label?: string
}

export type Line = {
  /** `flow`: forward; `undo`: from one compensation to the next; `pair`: from a step to its compensation; `instead`: to its fallback. */
  readonly kind: 'flow' | 'undo' | 'pair' | 'instead'
  readonly points: readonly Point[]
  readonly isReached: boolean
  readonly label?: string
}

export type Layout = {
  readonly width: number
  readonly height: number
  /** Between the two lanes. */
  readonly middle: number
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
}

type Cell = { readonly step: GraphStep; readonly column: number; readonly row: number; readonly label?: string }

/** From where the way goes on. `empty`: a way with nothing on it, which lies in a row of its own. */
type End = {
  readonly cell: Cell
  readonly empty?: { readonly row: number; readonly label: string; readonly isTaken: boolean }
}

/**
 * To where undoing leads. `turn`: the column of the group between, before which a line from inside of it changes its row; a
 * line that did so elsewhere would cross the other lanes of that group.
 */
type BackEnd = { readonly cell: Cell; readonly turn?: number }

type Ends = { readonly forward: readonly End[]; readonly back: readonly BackEnd[] }

type Link = { readonly from: End; readonly to: Cell; readonly turn?: number }

export function layoutOf(nodes: readonly GraphNode[]): Layout {
  const grid: Grid = { cells: [], flow: [], undo: [] }
  placeSequence(grid, nodes, { column: 0, row: 0 }, { forward: [], back: [] })
  return drawn(grid, Math.max(1, columnsOf(nodes)), Math.max(1, rowsOf(nodes)))
}

type Grid = { readonly cells: Cell[]; readonly flow: Link[]; readonly undo: Link[] }

type Place = { readonly column: number; readonly row: number }

function columnsOf(nodes: readonly GraphNode[]): number {
  return nodes.reduce((columns, node) => columns + columnsOfNode(node), 0)
}

function columnsOfNode(node: GraphNode): number {
  if (node.node === 'step') return 1
  if (node.node === 'parallel') return Math.max(...node.lanes.map(columnsOf))
  return 1 + Math.max(0, ...node.options.map((option) => columnsOf(option.nodes)))
}

function rowsOf(nodes: readonly GraphNode[]): number {
  return Math.max(1, ...nodes.map(rowsOfNode))
}

function rowsOfNode(node: GraphNode): number {
  if (node.node === 'step') return node.fallback === undefined ? 1 : 2
  if (node.node === 'parallel') return node.lanes.reduce((rows, lane) => rows + rowsOf(lane), 0)
  // The last row is for choosing none.
  return node.options.reduce((rows, option) => rows + rowsOf(option.nodes), 1)
}

function placeSequence(grid: Grid, nodes: readonly GraphNode[], at: Place, from: Ends, label?: string): Ends {
  let { column } = at
  let ends = from
  let first = label
  for (const node of nodes) {
    ends = placeNode(grid, node, { column, row: at.row }, ends, first)
    column += columnsOfNode(node)
    first = undefined
  }
  return ends
}

function placeNode(grid: Grid, node: GraphNode, at: Place, from: Ends, label?: string): Ends {
  if (node.node === 'step') return placeStep(grid, node, at, from, label)
  if (node.node === 'branch') return placeBranch(grid, node, at, from, label)
  let { row } = at
  const start: Ends = { ...from, back: into(from.back, at.column) }
  const all = node.lanes.map((lane, index) => {
    const ends = placeSequence(grid, lane, { column: at.column, row }, start, index === 0 ? label : undefined)
    row += rowsOf(lane)
    return ends
  })
  return joined(all, from)
}

function placeStep(grid: Grid, step: GraphStep, at: Place, from: Ends, label?: string): Ends {
  const cell = placeCell(grid, { step, ...at, ...(label === undefined ? {} : { label }) }, from)
  const ends = endsAfter(grid, cell, from)
  if (step.fallback === undefined) return ends
  const instead: Cell = { step: step.fallback, column: at.column, row: at.row + 1 }
  grid.cells.push(instead)
  const others = endsAfter(grid, instead, from)
  return joined([ends, others], from)
}

function placeCell(grid: Grid, cell: Cell, from: Ends): Cell {
  grid.cells.push(cell)
  for (const end of from.forward) grid.flow.push({ from: end, to: cell })
  return cell
}

/** Undoing passes by what it has nothing to do with. */
function endsAfter(grid: Grid, cell: Cell, from: Ends): Ends {
  const { back } = cell.step
  if (back === undefined || back === 'none') return { forward: [{ cell }], back: from.back }
  for (const { cell: to, turn = cell.column } of from.back) grid.undo.push({ from: { cell }, to, turn })
  return { forward: [{ cell }], back: [{ cell }] }
}

function placeBranch(
  grid: Grid,
  { choice, options, isNoneTaken }: GraphBranch,
  at: Place,
  from: Ends,
  label?: string,
): Ends {
  const cell = placeCell(grid, { step: choice, ...at, ...(label === undefined ? {} : { label }) }, from)
  const start: Ends = { forward: [{ cell }], back: into(from.back, at.column) }
  let { row } = at
  const all = options.map((option) => {
    const place = { column: at.column + 1, row }
    row += rowsOf(option.nodes)
    if (option.nodes.length === 0) {
      const { label: name, isTaken } = option
      return { forward: [{ cell, empty: { row: place.row, label: name, isTaken } }], back: from.back }
    }
    return placeSequence(grid, option.nodes, place, start, option.label)
  })
  const none: Ends = { forward: [{ cell, empty: { row, label: 'none', isTaken: isNoneTaken } }], back: from.back }
  return joined([...all, none], from)
}

/** What lies before a group, as its lanes see it. */
function into(back: readonly BackEnd[], column: number): readonly BackEnd[] {
  return back.map((end) => ({ turn: column, ...end }))
}

function joined(all: readonly Ends[], from: Ends): Ends {
  const before = new Set(from.back.map(({ cell }) => cell))
  // Whatever lies before the group is undone after all of it, as soon as there is anything in it to undo.
  const inside = new Map(all.flatMap(({ back }) => back.map((end) => [end.cell, end] as const)))
  for (const cell of before) inside.delete(cell)
  const back = inside.size > 0 ? [...inside.values()].map(({ cell }) => ({ cell })) : from.back
  return { forward: all.flatMap((ends) => ends.forward), back }
}

function drawn(grid: Grid, columns: number, rows: number): Layout {
  const width = boxWidth(grid.cells)
  const middle = LABEL + rows * HEIGHT + (rows - 1) * GAP_Y + MIDDLE / 2
  const x = (column: number) => EDGE + column * (width + GAP_X)
  const y = (row: number, side: Box['side']) =>
    side === 'forward' ? LABEL + (rows - 1 - row) * (HEIGHT + GAP_Y) : middle + MIDDLE / 2 + row * (HEIGHT + GAP_Y)
  const boxes = grid.cells.flatMap(({ step, column, row, label }): readonly Box[] => {
    const size = { x: x(column), width, height: HEIGHT, step }
    const forward: Box = {
      ...size,
      y: y(row, 'forward'),
      side: 'forward',
      face: step.forward,
      ...(label === undefined ? {} : { label }),
    }
    if (step.back === undefined) return [forward]
    return [forward, { ...size, y: y(row, 'back'), side: 'back', face: step.back }]
  })
  const scale: Scale = { width, x, y: (row, side) => y(row, side) + HEIGHT / 2 }
  const lines = [
    ...grid.flow.map((link) => flowLine(link, scale)),
    ...grid.undo.map((link) => undoLine(link, scale)),
    ...grid.cells.flatMap((cell) => pairLine(grid, cell, scale)),
    ...grid.cells.flatMap((cell) => insteadLine(cell, scale)),
  ]
  const height = middle + MIDDLE / 2 + rows * HEIGHT + (rows - 1) * GAP_Y + EDGE
  return { width: 2 * EDGE + columns * width + (columns - 1) * GAP_X, height, middle, boxes, lines }
}

/** `y`: of a box's own middle. */
type Scale = {
  readonly width: number
  readonly x: (column: number) => number
  readonly y: (row: number, side: Box['side']) => number
}

/** As wide as the longest name needs, within reason. */
function boxWidth(cells: readonly Cell[]): number {
  const longest = Math.max(0, ...cells.map(({ step }) => step.name.length + (step.isMap === true ? 1 : 0)))
  return Math.round(Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, longest * LETTER + 24)))
}

function flowLine({ from, to }: Link, { width, x, y }: Scale): Line {
  const start = { x: x(from.cell.column) + width, y: y(from.cell.row, 'forward') }
  const end = { x: x(to.column), y: y(to.row, 'forward') }
  const along = from.empty === undefined ? [] : [{ at: start.x + GAP_X / 2, y: y(from.empty.row, 'forward') }]
  const points = turning(start, [...along, { at: end.x - GAP_X / 2, y: end.y }], end)
  return {
    kind: 'flow',
    points,
    isReached: from.cell.step.forward.isReached && to.step.forward.isReached && from.empty?.isTaken !== false,
    ...(from.empty === undefined ? {} : { label: from.empty.label }),
  }
}

function undoLine({ from, to, turn = from.cell.column }: Link, { width, x, y }: Scale): Line {
  const start = { x: x(from.cell.column), y: y(from.cell.row, 'back') }
  const end = { x: x(to.column) + width, y: y(to.row, 'back') }
  const points = turning(start, [{ at: x(turn) - GAP_X / 2, y: end.y }], end)
  return { kind: 'undo', points, isReached: isReached(from.cell.step.back) && isReached(to.step.back) }
}

function pairLine(grid: Grid, cell: Cell, { width, x, y }: Scale): readonly Line[] {
  const { step, column, row } = cell
  if (step.back === undefined || step.back === 'none') return []
  const between = grid.cells.some((other) => other.column === column && other.row < row)
  const [top, bottom] = [y(row, 'forward'), y(row, 'back')]
  const straight = x(column) + width - 26
  // Around what lies between, each row a little further out than the one before.
  const out = x(column) - Math.min(GAP_X / 2 - 3, 4 + 3 * row)
  const points = between
    ? turning({ x: x(column), y: top + 14 }, [{ at: out, y: bottom - 14 }], { x: x(column), y: bottom - 14 })
    : [
        { x: straight, y: top + HEIGHT / 2 },
        { x: straight, y: bottom - HEIGHT / 2 },
      ]
  return [{ kind: 'pair', points, isReached: isReached(step.back) }]
}

function insteadLine({ step, column, row }: Cell, { x, y }: Scale): readonly Line[] {
  if (step.fallback === undefined) return []
  const at = x(column) + 26
  const points = [
    { x: at, y: y(row, 'forward') - HEIGHT / 2 },
    { x: at, y: y(row + 1, 'forward') + HEIGHT / 2 },
  ]
  return [{ kind: 'instead', points, isReached: step.fallback.forward.isReached, label: 'instead' }]
}

/** Goes level, and changes its height only at the given places. */
function turning(start: Point, turns: readonly { readonly at: number; readonly y: number }[], end: Point): Point[] {
  const points = [start]
  for (const { at, y } of turns) {
    const before = points.at(-1) ?? start
    if (before.y !== y) points.push({ x: at, y: before.y }, { x: at, y })
  }
  return [...points, end]
}

function isReached(face: Face | 'none' | undefined): boolean {
  return face !== undefined && face !== 'none' && face.isReached
}
