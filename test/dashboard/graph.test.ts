/** The graph: where everything stands, and what is drawn of it. No database. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drawing, graph } from '../../src/dashboard/graph/draw.ts'
import { type Box, type Layout, type Line, layoutOf } from '../../src/dashboard/graph/layout.ts'
import type { Face, GraphNode, GraphStep } from '../../src/dashboard/graph/nodes.ts'
import { definitionNodes } from '../../src/dashboard/graph/of-definition.ts'
import { sagaNodes } from '../../src/dashboard/graph/of-saga.ts'
import { spansOf } from '../../src/dashboard/graph/spans.ts'
import type { Blueprint, JournalEntry, SagaEvent, StepView } from '../../src/index.ts'

const DONE: Face = { word: 'Done', icon: 'check', tone: 'good', isReached: true }
const OPEN: Face = { word: 'Not reached', icon: 'circle', tone: 'idle', isReached: false }

const step = (name: string, more: Partial<GraphStep> = {}): GraphStep => ({
  node: 'step',
  name,
  href: `#step-${name}`,
  forward: DONE,
  back: OPEN,
  ...more,
})

/** A choice has no compensation, not even an empty place for one. */
const choice = (name: string): GraphStep => ({ node: 'step', name, forward: DONE })

const boxOf = (layout: Layout, name: string, side: Box['side'] = 'forward') => {
  const found = layout.boxes.find((box) => box.step.name === name && box.side === side)
  if (found === undefined) throw new Error(`There is no box ${name}.`)
  return found
}

const overlap = (a: Box, b: Box) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

/** Whether some part of the line lies inside of the box, and not only on its edge. */
function crosses({ points }: Line, { x, y, width, height }: Box): boolean {
  return points.slice(1).some((to, index) => {
    const from = points[index] ?? to
    const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)]
    const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)]
    return left < x + width && right > x && top < y + height && bottom > y
  })
}

const trees = fc.letrec<{ nodes: GraphNode[]; node: GraphNode; step: GraphStep }>((tie) => ({
  step: fc
    .record({ back: fc.boolean(), fallback: fc.boolean(), isMap: fc.boolean() })
    .map(({ back, fallback, isMap }) =>
      step('x', {
        ...(back ? {} : { back: 'none' as const }),
        ...(isMap ? { isMap } : {}),
        ...(fallback ? { fallback: step('x') } : {}),
      }),
    ),
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('step'),
    fc
      .array(tie('nodes'), { minLength: 1, maxLength: 3 })
      .map((lanes): GraphNode => ({ node: 'parallel', lanes: lanes.filter((lane) => lane.length > 0) }))
      .filter((group) => group.node === 'parallel' && group.lanes.length > 0),
    fc.array(tie('nodes'), { minLength: 1, maxLength: 3 }).map(
      (ways): GraphNode => ({
        node: 'branch',
        choice: choice('x'),
        options: ways.map((nodes, index) => ({ label: `way-${index}`, nodes, isTaken: true })),
        isNoneTaken: true,
      }),
    ),
  ),
  nodes: fc.array(tie('node'), { maxLength: 4 }),
})).nodes

/** Names are unique in a saga. */
function named(nodes: readonly GraphNode[], count = { value: 0 }): GraphNode[] {
  const own = (one: GraphStep): GraphStep => ({
    ...one,
    name: `step-${++count.value}`,
    ...(one.fallback === undefined ? {} : { fallback: own(one.fallback) }),
  })
  return nodes.map((node): GraphNode => {
    if (node.node === 'step') return own(node)
    if (node.node === 'parallel') return { ...node, lanes: node.lanes.map((lane) => named(lane, count)) }
    return {
      ...node,
      choice: own(node.choice),
      options: node.options.map((option) => ({ ...option, nodes: named(option.nodes, count) })),
    }
  })
}

describe('the layout of any tree', () => {
  test('has no two boxes on each other, all of them within it, and the two lanes on their sides of the middle', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const layout = layoutOf(named(tree))
        const { boxes, width, height, middle } = layout
        const isOut = ({ x, y, ...box }: Box) => x < 0 || y < 0 || x + box.width > width || y + box.height > height
        const isOver = ({ side, y, height: own }: Box) => (side === 'forward' ? y + own >= middle : y <= middle)
        expect(boxes.filter((box) => isOut(box) || isOver(box))).toEqual([])
        expect(boxes.filter((box, index) => boxes.slice(index + 1).some((other) => overlap(box, other)))).toEqual([])
      }),
    )
  })

  test('has no line that crosses a box, but between compensations that of a step which nothing undoes', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const { boxes, lines, width, height } = layoutOf(named(tree))
        for (const line of lines) {
          expect(line.points.filter(({ x, y }) => x < 0 || x > width || y < 0 || y > height)).toEqual([])
          const crossed = boxes.filter((box) => crosses(line, box))
          expect(crossed.filter(({ face }) => line.kind !== 'undo' || face !== 'none')).toEqual([])
        }
      }),
    )
  })

  test('leads from each step that can be undone to its compensation, and from no other', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const { boxes, lines } = layoutOf(named(tree))
        const undoable = boxes.filter(({ side, face }) => side === 'back' && face !== 'none')
        expect(lines.filter(({ kind }) => kind === 'pair')).toHaveLength(undoable.length)
      }),
    )
  })
})

describe('the layout', () => {
  test('goes to the right, and below the middle lies each compensation under its step', () => {
    const layout = layoutOf([step('a'), step('b')])
    expect(boxOf(layout, 'b').x).toBeGreaterThan(boxOf(layout, 'a').x + boxOf(layout, 'a').width)
    expect(boxOf(layout, 'a', 'back').x).toBe(boxOf(layout, 'a').x)
    const [flow] = layout.lines.filter(({ kind }) => kind === 'flow')
    expect(flow?.points.at(-1)?.x).toBe(boxOf(layout, 'b').x)
    const [undo] = layout.lines.filter(({ kind }) => kind === 'undo')
    expect(undo?.points[0]?.x).toBe(boxOf(layout, 'b', 'back').x)
    expect(undo?.points.at(-1)?.x).toBe(boxOf(layout, 'a', 'back').x + boxOf(layout, 'a').width)
  })

  test('puts lanes above each other, from one start to one end, and undoes all of them before what came first', () => {
    const layout = layoutOf([step('a'), { node: 'parallel', lanes: [[step('b')], [step('c'), step('d')]] }, step('e')])
    expect(boxOf(layout, 'c').x).toBe(boxOf(layout, 'b').x)
    expect(boxOf(layout, 'c').y).toBeLessThan(boxOf(layout, 'b').y)
    expect(boxOf(layout, 'c', 'back').y).toBeGreaterThan(boxOf(layout, 'b', 'back').y)
    const ends = (kind: Line['kind'], name: string) => {
      const { x, width } = boxOf(layout, name)
      const at = kind === 'flow' ? x : x + width
      return layout.lines.filter((line) => line.kind === kind && line.points.at(-1)?.x === at)
    }
    expect(ends('flow', 'e')).toHaveLength(2)
    // From b and from c: each lane ends before what came before it.
    expect(ends('undo', 'a')).toHaveLength(2)
  })

  test('passes by what nothing undoes, on the way back', () => {
    const { lines } = layoutOf([step('a'), step('b', { back: 'none' }), step('c')])
    expect(lines.filter(({ kind }) => kind === 'undo')).toHaveLength(1)
  })

  test('names ways, also that with nothing on it', () => {
    const layout = layoutOf([
      {
        node: 'branch',
        choice: choice('way'),
        options: [{ label: 'train', nodes: [step('a')], isTaken: true }],
        isNoneTaken: false,
      },
      step('b'),
    ])
    expect(boxOf(layout, 'a').label).toBe('train')
    expect(layout.lines.find(({ label }) => label === 'none')?.isReached).toBe(false)
    expect(layout.boxes.some(({ step: { name }, side }) => name === 'way' && side === 'back')).toBe(false)
  })
})

describe('the drawing', () => {
  const draw = (nodes: readonly GraphNode[]) => `${drawing(layoutOf(nodes), 'Graph of it') as unknown as string}`

  test('says of each box its name and state in words, and links to where the page says more', () => {
    const text = draw([
      step('a', { forward: { ...DONE, beside: '12 ms' }, isPivot: true }),
      step('b', { back: 'none' }),
    ])
    expect(text).toContain('<a href="#step-a" aria-label="a Done 12 ms, the pivot">')
    expect(text).toContain('aria-label="Compensation of a Not reached"')
    expect(text).toContain('<title>Compensation of b: nothing undoes it</title>')
    expect(text).toMatch(/<text class="label end"[^>]*>pivot</)
  })

  test('has neither style nor script, and leaves no text that could be markup', () => {
    const hostile = `"><script>alert(1)</script><image href="javascript:alert(2)" onload=alert(3)>`
    const hurt: Face = { ...DONE, word: hostile, beside: hostile }
    const text = draw([
      step(hostile, { forward: hurt, back: hurt, fallback: step(`${hostile}2`) }),
      {
        node: 'branch',
        choice: choice('c'),
        options: [{ label: hostile, nodes: [step('d')], isTaken: true }],
        isNoneTaken: true,
      },
    ])
    expect(text).not.toMatch(/<script|<image|style=|"[^"]*"\s*on\w+=/)
    expect(text.match(/<(?!\/)(\w+)/g)?.every((tag) => /<(svg|g|a|rect|text|tspan|path|line|title)/.test(tag))).toBe(
      true,
    )
  })

  test('cuts names that are too long, and has them whole for who asks', () => {
    const long = 'a-step-with-a-name-that-nobody-would-want-to-read-in-a-box'
    const text = draw([step(long)])
    expect(text).toContain(`(${long})`)
    expect(text).toMatch(/<text class="title"[^>]*>a-step-with-a-name-that-nob…</)
  })

  test('lies in a box that can be scrolled by keyboard', () => {
    expect(`${graph([step('a')], 'Graph', '') as unknown as string}`).toContain(
      'tabindex="0" role="region" aria-label="Graph"',
    )
  })

  test('of nothing is empty, and no error', () => {
    expect(draw([])).toContain('<svg')
  })
})

const external = (name: string, more: object = {}) =>
  ({ node: 'step', name, kind: 'external', compensation: true, ...more }) as const

const TREE: Blueprint = {
  format: 1,
  definition: 'trip',
  version: 1,
  hooks: [],
  nodes: [
    external('visa', { compensation: false }),
    {
      node: 'parallel',
      name: 'both',
      lanes: [[external('hotel')], [external('car')]],
    },
    {
      node: 'branch',
      name: 'way',
      options: { train: [external('book-train')], plane: [external('book-seats')] },
    },
    { node: 'map', name: 'invite', item: external('invite') },
    external('pay', { pivot: true }),
    external('post', { fallback: external('mail') }),
  ],
}

const seen = (name: string, state: StepView['state'], more: Partial<StepView> = {}): StepView => ({
  name,
  state,
  attempts: 1,
  compensationAttempts: 0,
  builds: [],
  inDoubt: false,
  ...more,
})

describe('the graph of a saga', () => {
  const steps = [
    seen('visa', 'skipped'),
    seen('hotel', 'compensated'),
    seen('car', 'compensating', { compensationAttempts: 3 }),
    seen('way', 'completed', { chosen: 'train' }),
    seen('book-train', 'completed'),
    seen('invite', 'running', { items: { count: 40, byState: { completed: 12, running: 10, pending: 18 } } }),
    seen('pay', 'pending', { attempts: 0 }),
    seen('post', 'pending', { attempts: 0 }),
  ]
  const spans = new Map([['hotel', { action: 1_200, compensation: 40 }]])
  const layout = layoutOf(sagaNodes({ steps }, TREE, spans))
  const face = (name: string, side: Box['side'] = 'forward') => boxOf(layout, name, side).face

  test('shows what has become of each step, how long it took, and how far a map is', () => {
    expect(face('hotel')).toMatchObject({ word: 'Done', beside: '1 s' })
    expect(face('hotel', 'back')).toMatchObject({ word: 'Undone', beside: '40 ms', isReached: true })
    expect(face('car', 'back')).toMatchObject({ word: 'Being undone', beside: 'try 3' })
    expect(face('invite')).toMatchObject({ word: 'Running', beside: '12/40' })
    expect(face('pay', 'back')).toMatchObject({ word: 'Not run', isReached: false })
    expect(face('visa', 'back')).toBe('none')
  })

  test('shows the way that was chosen, and those that were not without a link', () => {
    expect(face('way')).toMatchObject({ word: 'Chosen', beside: 'train' })
    expect(face('book-seats')).toMatchObject({ word: 'Not taken', isReached: false })
    expect(boxOf(layout, 'book-seats').step.href).toBeUndefined()
    expect(boxOf(layout, 'book-train').step.href).toBe('#step-book-train')
    expect(boxOf(layout, 'mail').face).toMatchObject({ word: 'Not taken' })
  })

  test('puts its steps in a row while nobody knows its shape', () => {
    const nodes = sagaNodes({ steps: [seen('a', 'running'), seen('b', 'pending')] }, undefined, new Map())
    expect(layoutOf(nodes).boxes.filter(({ side }) => side === 'forward')).toHaveLength(2)
  })
})

describe('the graph of a definition', () => {
  const hold = (step: string | null, side: 'action' | 'compensation' | null) =>
    ({ id: '1', definition: 'trip', step, names: step === null ? null : [step], side, release: null }) as never

  test('says the kind of each step, and what is held on which side', () => {
    const layout = layoutOf(definitionNodes(TREE, [hold('hotel', 'compensation'), hold('invite', null)]))
    const word = (name: string, side: Box['side'] = 'forward') => (boxOf(layout, name, side).face as Face).word
    expect(word('hotel')).toBe('External')
    expect(word('hotel', 'back')).toBe('Held')
    expect(word('invite')).toBe('Held')
    expect(word('invite', 'back')).toBe('Held')
    expect(word('car', 'back')).toBe('Undoes it')
    expect(boxOf(layout, 'pay').step.isPivot).toBe(true)
    expect(boxOf(layout, 'visa', 'back').face).toBe('none')
  })
})

describe('how long steps took', () => {
  test('goes from the first attempt to the last end, of a map over all its items, and not of what is under way', () => {
    const event = (ms: number, type: string, step: string, side: string): JournalEntry =>
      ({
        sequence: ms,
        at: new Date(ms),
        event: { type, step, side, attempt: 1 } as unknown as SagaEvent,
      }) as JournalEntry
    const spans = spansOf([
      event(100, 'attempt_scheduled', 'a', 'action'),
      event(150, 'attempt_failed', 'a', 'action'),
      event(180, 'attempt_scheduled', 'a', 'action'),
      event(200, 'step_completed', 'a', 'action'),
      event(210, 'attempt_scheduled', 'm[0]', 'action'),
      event(220, 'attempt_scheduled', 'm[1]', 'action'),
      event(300, 'step_completed', 'm[1]', 'action'),
      event(330, 'step_completed', 'm[0]', 'action'),
      event(400, 'attempt_scheduled', 'a', 'compensation'),
    ])
    expect(spans.get('a')).toEqual({ action: 100 })
    expect(spans.get('m')).toEqual({ action: 120 })
  })
})
