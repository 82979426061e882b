import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const FOLDER = 'bench/rivals'
const FILES = [
  'README.md',
  'lib.mjs',
  'package.json',
  'run.mjs',
  'start-pg.mjs',
  'wk.mjs',
  ...readdirSync(join(FOLDER, 'c'))
    .toSorted()
    .map((name) => join('c', name)),
]

describe('the rivals', () => {
  test('are measured as they were given: nobody has edited or formatted them', () => {
    const hash = createHash('sha256')
    for (const file of FILES) hash.update(readFileSync(join(FOLDER, file)))
    expect(hash.digest('hex')).toBe('184f838ae594aa33b36689e8f76270b0c5d29baa014fa0662c0e7ee72ea6561a')
  })
})
