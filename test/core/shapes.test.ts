import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Blueprint, type BlueprintNode, checkBlueprint } from '../../src/engine/core/blueprint.ts'
import { aliasesOf, differences, namesIn } from '../../src/engine/core/shapes.ts'

const shape = (nodes: readonly BlueprintNode[], hooks: Blueprint['hooks'] = []): Blueprint => ({
  format: 1,
  definition: 'order',
  version: 1,
  nodes,
  hooks,
})
const step = (name: string, more: object = {}): BlueprintNode => ({
  node: 'step',
  name,
  kind: 'external',
  compensation: false,
  ...more,
})
const renamed = (name: string, ...formerly: string[]) => step(name, { formerly })
const group = (name: string, ...steps: BlueprintNode[]): BlueprintNode => ({
  node: 'parallel',
  name,
  lanes: steps.map((one) => [one]),
})
const branch = (name: string, air: BlueprintNode[], sea: BlueprintNode[], more: object = {}): BlueprintNode => ({
  node: 'branch',
  name,
  options: { air, sea },
  ...more,
})

describe('two shapes are one but for renames when', () => {
  test.each<[string, Blueprint, Blueprint, Record<string, string>]>([
    ['they are equal', shape([step('a')]), shape([step('a')]), { a: 'a' }],
    [
      'the new one declares them',
      shape([step('a'), step('x')]),
      shape([renamed('b', 'a'), step('x')]),
      { a: 'b', x: 'x' },
    ],
    ['the old one declares them', shape([renamed('b', 'a')]), shape([step('a')]), { b: 'a' }],
    ['a name was changed twice', shape([renamed('b', 'a')]), shape([renamed('c', 'a', 'b')]), { b: 'c' }],
    ['one has forgotten what nobody else has', shape([renamed('b', 'a')]), shape([step('b')]), { b: 'b' }],
    [
      'they are in groups and branches, whatever the order of options',
      shape([group('g', step('a'), step('x')), branch('way', [step('c')], [])]),
      shape([
        group('g', renamed('b', 'a'), step('x')),
        { node: 'branch', name: 'route', formerly: ['way'], options: { sea: [], air: [renamed('d', 'c')] } },
      ]),
      { g: 'g', a: 'b', x: 'x', way: 'route', c: 'd' },
    ],
  ])('%s', (_when, one, other, names) => {
    expect(Object.fromEntries(namesIn(one, other) ?? [])).toEqual(names)
    const back = Object.fromEntries(Object.entries(names).map(([own, their]) => [their, own]))
    expect(Object.fromEntries(namesIn(other, one) ?? [])).toEqual(back)
  })
})

describe('what differs beyond renames is named:', () => {
  const base = shape([step('a'), step('b'), step('c')])
  test.each<[string, Blueprint, Blueprint, readonly string[]]>([
    ['a new step', base, shape([step('a'), step('b'), step('n'), step('c')]), ['the step "n" is new']],
    ['a step that is gone', base, shape([step('a'), step('c')]), ['the step "b" is gone']],
    [
      'a rename that nobody declared',
      base,
      shape([step('a'), renamed('n', 'z'), step('c')]),
      [`the step "n" stands where "b" stood (if it is the same one, give it formerly: ['b', 'z'])`],
    ],
    [
      'the order',
      base,
      shape([step('b'), step('a'), step('c')]),
      ['the order is another one: "b" stands where "a" stood'],
    ],
    [
      'a kind, a compensation, a pivot',
      base,
      shape([step('a', { kind: 'transactional' }), step('b', { compensation: true }), step('c', { pivot: true })]),
      [
        'kind of "a" was "external" and is "transactional"',
        'compensation of "b" was false and is true',
        'pivot of "c" was not set and is true',
      ],
    ],
    [
      'a renamed step of another kind',
      base,
      shape([step('a'), step('n', { formerly: ['b'], compensation: true }), step('c')]),
      ['compensation of "n" was false and is true'],
    ],
    ['a hook', base, shape(base.nodes, ['completed']), ['the hook "completed" is new']],
    ['a hook that is gone', shape(base.nodes, ['completed']), base, ['the hook "completed" is gone']],
    [
      'a group with another name',
      shape([group('g', step('a'))]),
      shape([group('h', step('a'))]),
      [
        'the group "g" is called "h", and a group keeps its name under one version',
        '"a" was in group "g", 0 and is in group "h", 0',
      ],
    ],
    [
      'an option of a branch',
      shape([branch('way', [step('a')], [step('b')])]),
      shape([branch('way', [step('b')], [step('a')])]),
      [
        '"a" was in branch "way", air and is in branch "way", sea',
        '"b" was in branch "way", sea and is in branch "way", air',
        'the order is another one: "b" stands where "a" stood',
      ],
    ],
  ])('%s', (_what, stored, given, told) => {
    expect(namesIn(stored, given)).toBeUndefined()
    expect(differences(stored, given)).toEqual(told)
  })

  test('names that each shape says the other has given up', () => {
    const one = shape([renamed('x', 'n'), step('m')])
    const other = shape([step('n'), renamed('x', 'm')])
    expect(namesIn(one, other)).toBeUndefined()
    expect(differences(one, other)).not.toEqual([])
  })

  test('whatever two shapes are, they agree or something is said of them', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const node = fc.record({ name, formerly: fc.array(name, { maxLength: 2 }), compensation: fc.boolean() })
    const shapes = fc
      .uniqueArray(node, { selector: (one) => one.name, minLength: 1 })
      .map((nodes) =>
        shape(nodes.map((one) => step(one.name, { compensation: one.compensation, formerly: one.formerly }))),
      )
      .filter((one) => checkBlueprint(one).length === 0)
    fc.assert(
      fc.property(shapes, shapes, (one, other) => {
        const names = namesIn(one, other)
        expect(names === undefined).toBe(namesIn(other, one) === undefined)
        if (names === undefined) {
          expect(differences(one, other).length).toBeGreaterThan(0)
          return
        }
        // One to one, by place, and never to a step that the other one has under that very name elsewhere.
        expect([...names.keys()]).toEqual(one.nodes.map((entry) => entry.name))
        expect([...names.values()]).toEqual(other.nodes.map((entry) => entry.name))
        for (const { name: own } of one.nodes) {
          if (other.nodes.some((entry) => entry.name === own)) expect(names.get(own)).toBe(own)
        }
      }),
    )
  })
})

describe('the names of a step', () => {
  test('are all that it has or had in any of the shapes', () => {
    const shapes = [shape([step('a'), step('x')]), shape([renamed('b', 'a'), step('x')]), shape([renamed('c', 'b')])]
    for (const name of ['a', 'b', 'c']) expect([...aliasesOf(shapes, name)].sort()).toEqual(['a', 'b', 'c'])
    expect(aliasesOf(shapes, 'b')[0]).toBe('b')
    expect(aliasesOf(shapes, 'x')).toEqual(['x'])
    expect(aliasesOf([], '@completed')).toEqual(['@completed'])
  })
})

describe('a former name is refused when', () => {
  test.each<[string, Blueprint, { at: string; problem: RegExp }]>([
    ['it is no name', shape([renamed('b', 'Not a name')]), { at: 'b.formerly', problem: /"Not a name" is not a name/ }],
    ['a step has it', shape([renamed('b', 'a'), step('a')]), { at: 'b.formerly', problem: /"a" is a name in use/ }],
    ['it is its own', shape([renamed('b', 'b')]), { at: 'b.formerly', problem: /"b" is a name in use/ }],
    ['a group has it', shape([renamed('b', 'g'), group('g', step('x'))]), { at: 'b.formerly', problem: /in use/ }],
    ['it is given twice', shape([renamed('b', 'a', 'a')]), { at: 'b.formerly', problem: /given twice/ }],
    ['two steps had it', shape([renamed('b', 'a'), renamed('c', 'a')]), { at: 'c.formerly', problem: /given twice/ }],
  ])('%s', (_when, blueprint, { at, problem }) => {
    expect(checkBlueprint(blueprint)).toEqual([{ at, problem: expect.stringMatching(problem) }])
  })
})
