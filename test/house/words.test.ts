import { describe, expect, test } from 'vitest'
import { readSources } from './sources.ts'
import { bannedWordIn, exportedNames, wordViolations } from './words.ts'

describe('the words of the package', () => {
  test('are kept by every exported name, file and folder', () => {
    expect(wordViolations(readSources())).toEqual([])
  })

  test('are missed by a name, a file and a folder that say another', () => {
    expect(
      wordViolations([
        { path: 'src/engine/start.ts', text: 'export function startWorkflow() {}' },
        { path: 'src/engine/step-handler.ts', text: '' },
        { path: 'src/utils/text.ts', text: '' },
      ]),
    ).toEqual([
      'src/engine/start.ts: startWorkflow says "workflow"; the word is saga.',
      'src/engine/step-handler.ts: step-handler says "handler"; the word is action or compensation.',
      'src/utils/text.ts: utils says "utils"; the word is what it is for.',
    ])
  })

  test.each([
    ['sagaRun', 'run'],
    ['listRuns', 'run'],
    ['Run', 'run'],
    ['runs', 'run'],
    ['runId', 'run'],
    ['DEFAULT_TASKS', 'task'],
    ['SQLTemplate', 'template'],
    ['dateUtilities', 'utility'],
    ['commonTypes', 'common'],
    ['stageNames', 'stage'],
  ])('are missed by %s', (name, word) => {
    expect(bannedWordIn(name)).toBe(word)
  })

  test.each(['runAttempt', 'run-attempt', 'canRun', 'RunAttemptOptions', 'running', 'prune', 'multitasking', 'SagaId'])(
    'are kept by %s',
    (name) => {
      expect(bannedWordIn(name)).toBeUndefined()
    },
  )
})

describe('the scanner of exported names', () => {
  test('finds every form of an export', () => {
    const text = [
      'export const a = 1, other = 2',
      'export async function b() {}',
      'export abstract class C {}',
      'export type D<T> = T',
      'export interface E {}',
      'export default function f() {}',
      'export { g, h as i, type J }',
      `export type { K } from './k.ts'`,
      '// export const comment = 1',
      'const inside = 1',
    ].join('\n')
    expect(exportedNames(text)).toEqual(['a', 'b', 'C', 'D', 'E', 'f', 'g', 'i', 'J', 'K'])
  })
})
