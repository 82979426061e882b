import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TRANSITIONS } from '../../src/engine/core/machine.ts'
import { DIAGRAM_PAGE, isStale, withTransitions } from '../../tools/diagram.ts'

const page = readFileSync(DIAGRAM_PAGE, 'utf8')
const tool = join(import.meta.dirname, '..', '..', 'tools', 'diagram.ts')

describe('the diagram of the statuses', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pg-saga-diagram-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('shows the transition table as it is', () => {
    expect(isStale(page)).toBe(false)
  })

  test.each([
    ['a transition is missing', TRANSITIONS.slice(1)],
    ['a transition is new', [...TRANSITIONS, { event: 'saga_reverted', from: 'resolved', to: 'running', label: 'no' }]],
    ['a word has changed', TRANSITIONS.map((one, index) => (index === 0 ? { ...one, label: 'otherwise' } : one))],
  ] as const)('is stale when %s', (_what, transitions) => {
    expect(isStale(page, transitions)).toBe(true)
  })

  test('has an arrow for each transition, and an end for what is never left', () => {
    const drawn = withTransitions('<!-- transitions:begin --><!-- transitions:end -->', [
      { event: 'saga_started', from: null, to: 'running', label: 'enqueue' },
      { event: 'saga_completed', from: 'running', to: 'completed', label: 'all done' },
      { event: 'saga_completed', from: 'running', to: 'completed', label: 'or so' },
    ])
    expect(drawn).toContain(
      '  [*] --> running : enqueue\n  running --> completed : all done / or so\n  completed --> [*]',
    )
    expect(drawn).toContain('| `running` | `completed` | `saga_completed` | or so |')
  })

  test('is refused a page without its markers', () => {
    expect(() => isStale('# Concepts')).toThrow('transitions:begin')
  })

  test('is checked by the tool, which fails for a stale page, mends it, and is content then', () => {
    const copy = join(folder, 'concepts.md')
    writeFileSync(copy, page.replace('--> running', '--> completed'))
    const run = (...args: string[]) => spawnSync(process.execPath, [tool, ...args, copy], { encoding: 'utf8' })
    const stale = run('--check')
    expect(stale.status).toBe(1)
    expect(stale.stderr).toContain('node tools/diagram.ts')
    expect(run().status).toBe(0)
    expect(run('--check').status).toBe(0)
    expect(readFileSync(copy, 'utf8')).toBe(page)
  })
})
