import { describe, expect, test } from 'vitest'
import { importsOf, violations } from './arrows.ts'
import { readSources } from './sources.ts'

describe('the arrows between the rooms', () => {
  test('are kept by every file', () => {
    expect(violations(readSources())).toEqual([])
  })

  test.each([
    ['src/engine/core/decide.ts', '../errors.ts'],
    ['src/engine/core/decide.ts', '../store/sagas.ts'],
    ['src/engine/core/decide.ts', 'node:crypto'],
    ['src/engine/core/decide.ts', 'zod'],
    ['src/engine/store/sagas.ts', '../runtime/apply.ts'],
    ['src/engine/store/sagas.ts', '../engine.ts'],
    ['src/engine/runtime/apply.ts', 'pg'],
    ['src/engine/runtime/apply.ts', 'drizzle-orm/pg-core'],
    ['src/engine/engine.ts', '../jobs/queues.ts'],
    ['src/engine/engine.ts', 'pg-boss'],
    ['src/jobs/queues.ts', '../dashboard/index.ts'],
    ['src/jobs/queues.ts', 'pg'],
    ['src/jobs/queues.ts', 'drizzle-orm'],
    ['src/jobs/queues.ts', '../compose/engine.ts'],
    ['src/dashboard/app.ts', '../jobs/queues.ts'],
    ['src/dashboard/app.ts', '../compose/engine.ts'],
    ['src/dashboard/app.ts', 'pg-boss'],
    ['src/cli/main.ts', 'hono'],
    ['src/compose/engine.ts', '../dashboard/index.ts'],
    ['src/index.ts', 'fast-check'],
    ['src/index.ts', '../test/support/database.ts'],
  ])('would be broken by %s importing %s', (path, specifier) => {
    const text = `import { something } from '${specifier}'`
    expect(violations([{ path, text }])).toEqual([`${path} must not import ${specifier}.`])
  })

  test.each([
    ['src/engine/core/decide.ts', './machine.ts'],
    ['src/engine/store/sagas.ts', '../core/state.ts'],
    ['src/engine/store/sagas.ts', '../errors.ts'],
    ['src/engine/store/sagas.ts', 'drizzle-orm/pg-core'],
    ['src/jobs/sessions.ts', 'pg'],
    ['src/jobs/worker.ts', '../engine/runtime/apply.ts'],
    ['src/dashboard/app.ts', '../engine/engine.ts'],
    ['src/dashboard/pages/list.ts', 'hono/html'],
    ['src/cli/main.ts', '../dashboard/index.ts'],
    ['src/compose/engine.ts', 'pg-boss'],
  ])('allow %s to import %s', (path, specifier) => {
    expect(violations([{ path, text: `export type * from '${specifier}'` }])).toEqual([])
  })

  test('reach every file', () => {
    expect(violations([{ path: 'src/odds/things.ts', text: '' }])).toEqual(['src/odds/things.ts lies in no room.'])
  })
})

describe('the import scanner', () => {
  test('finds every form of an import', () => {
    const text = [
      `import a from 'default'`,
      `import { b, type c } from "double"`,
      `import * as d from 'namespace'`,
      `import e, { f } from 'both'`,
      `import type { G } from 'type'`,
      'import {',
      '  several,',
      '  lines,',
      `} from 'lines'`,
      `import 'effect'`,
      `export * from 'star'`,
      `export * as h from 'named-star'`,
      `export { i as j } from 'renamed'`,
      `export type { K } from 'export-type'`,
      `const l = await import('dynamic')`,
      'const m = await import(`back-ticks`)',
      `type N = import('in-type').N`,
      `const o = require('required')`,
    ].join('\n')
    expect(importsOf(text)).toEqual(
      'default double namespace both type lines effect star named-star renamed export-type dynamic back-ticks in-type required'.split(
        ' ',
      ),
    )
  })

  test('leaves comments and quoted code alone', () => {
    const text = [
      `// import 'line'`,
      `/** import { x } from 'block' */`,
      `const url = 'https://example.org' // a comment after two slashes in a string`,
      `const quoted = \`\nimport { x } from 'template'\n\``,
      `import real from 'real'`,
      `export const from = 1`,
      `const text = 'x'`,
    ].join('\n')
    expect(importsOf(text)).toEqual(['real'])
  })
})
