/** Which blueprints can be run, and what is said of those that cannot. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BlueprintNode, checkBlueprint, nodeOf, stepOf, walk } from '../../src/engine/core/blueprint.ts'
import { aStep, blueprintOf, blueprints } from './support/blueprints.ts'
import { runs } from './support/scenario.ts'

const pivot = (name: string) => aStep(name, { pivot: true })
const parallel = (...lanes: (readonly BlueprintNode[])[]): BlueprintNode => ({ node: 'parallel', name: 'group', lanes })
const branch = (options: { readonly [option: string]: readonly BlueprintNode[] }): BlueprintNode => ({
  node: 'branch',
  name: 'choice',
  options,
})
const problemsOf = (...nodes: BlueprintNode[]) =>
  checkBlueprint(blueprintOf(nodes)).map(({ at, problem }) => `${at}: ${problem}`)

describe('a blueprint', () => {
  test('that the other tests make up can be run', () => {
    fc.assert(
      fc.property(blueprints, (blueprint) => {
        expect(checkBlueprint(blueprint)).toEqual([])
      }),
      runs(),
    )
  })

  test('needs at least one step', () => {
    expect(problemsOf()).toEqual(['proof: a saga needs at least one step'])
  })

  test.each(['Upper', 'with_underscore', 'with:colon', '1st', '', '@hook', 'é', 'constructor'])(
    'has no step of the name "%s"',
    (name) => {
      expect(problemsOf(aStep(name))).toHaveLength(1)
      expect(problemsOf(aStep(name))[0]).toContain('is not a name')
    },
  )

  test.each(['a', 'charge-card', 'step-2', 'constructor-2'])('may have a step of the name "%s"', (name) => {
    expect(problemsOf(aStep(name))).toEqual([])
  })

  test('has a name and a version of its own', () => {
    const blueprint = { ...blueprintOf([aStep('one')]), definition: 'Not A Name', version: 0 }
    expect(checkBlueprint(blueprint).map(({ at }) => at)).toEqual(['name', 'version'])
    expect(checkBlueprint({ ...blueprintOf([aStep('one')]), version: 1.5 })).toHaveLength(1)
  })

  test('has no name twice, wherever the two are', () => {
    expect(problemsOf(aStep('one'), parallel([aStep('two')], [aStep('one')]))).toEqual([
      'one: this name is used twice; names are unique in a saga',
    ])
    expect(problemsOf(aStep('group'), parallel([aStep('two')]))).toHaveLength(1)
    expect(problemsOf(branch({ x: [aStep('one')], y: [aStep('one')] }))).toHaveLength(1)
  })

  test('has one pivot on a path', () => {
    expect(problemsOf(pivot('one'), aStep('two'), pivot('three'))).toEqual([
      'three: a second pivot on one path, after one',
    ])
    expect(problemsOf(branch({ x: [pivot('one')], y: [pivot('two')] }))).toEqual([])
    expect(problemsOf(branch({ x: [pivot('one')], y: [] }), pivot('two'))).toEqual([
      'two: a second pivot on one path, after one',
    ])
    expect(problemsOf(pivot('one'), branch({ x: [pivot('two')] }))).toEqual([
      'two: a second pivot on one path, after one',
    ])
  })

  test('has no pivot inside a parallel group, however deep', () => {
    expect(problemsOf(parallel([pivot('one')]))).toEqual(['one: a pivot cannot stand inside a parallel group'])
    expect(problemsOf(parallel([branch({ x: [pivot('one')] })]))).toEqual([
      'one: a pivot cannot stand inside a parallel group',
    ])
  })

  test('has no empty groups, lanes or branches, and options are names', () => {
    expect(problemsOf(parallel())).toEqual(['group: a parallel group needs at least one step'])
    expect(problemsOf(parallel([]))).toEqual(['group: a lane needs at least one step'])
    expect(problemsOf(branch({}))).toEqual(['choice: a branch needs at least one option'])
    expect(problemsOf(branch({ 'Not a name': [aStep('one')] }))[0]).toContain('choice.Not a name')
  })
})

describe('reading a blueprint', () => {
  const blueprint = blueprintOf([aStep('one'), parallel([aStep('two')], [branch({ x: [aStep('three')] })])])

  test('walks steps and branches in reading order', () => {
    expect([...walk(blueprint.nodes)].map(({ name }) => name)).toEqual(['one', 'two', 'choice', 'three'])
  })

  test('finds them by name, and nothing else', () => {
    expect(stepOf(blueprint, 'three')?.name).toBe('three')
    expect(stepOf(blueprint, 'choice')).toBeUndefined()
    expect(nodeOf(blueprint, 'choice')?.node).toBe('branch')
    for (const name of ['group', '@completed', 'constructor']) expect(nodeOf(blueprint, name)).toBeUndefined()
  })
})
