/**
 * Statements name their columns: a later version adds some, and this one has to work on its schema while both run.
 */
import { describe, expect, test } from 'vitest'
import { readSources } from './sources.ts'

/** One sentence for each statement that takes or gives columns that it does not name. */
function unnamed(path: string, text: string): readonly string[] {
  const says = (what: string, found: RegExpMatchArray) =>
    `${path}: ${what} in "${found[0].replace(/\s+/g, ' ').trim()}"`
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  return [
    // What a function like unnest gives has the columns that stand beside it.
    ...[...code.matchAll(/\bselect \*(?! from (?:unnest|json_to_recordset|jsonb_to_recordset)\().{0,40}/gi)].map(
      (found) => says('columns that nobody has named', found),
    ),
    ...[...code.matchAll(/\breturning \*|\bselect [\w, ]*\b[a-z]\.\*.{0,20}/gi)].map((found) =>
      says('all columns of a table', found),
    ),
    ...[...code.matchAll(/\binsert into \S+\s+(?!\().{0,30}/gi)].map((found) => says('no list of columns', found)),
    ...[...code.matchAll(/\bnatural (?:left |right |full |inner )?join\b.{0,30}/gi)].map((found) =>
      says('columns found by chance', found),
    ),
  ]
}

describe('the statements of the package', () => {
  test('name the columns that they read and write', () => {
    expect(readSources().flatMap(({ path, text }) => unnamed(path, text))).toEqual([])
  })

  test.each([
    'select * from ${schema}.saga',
    'insert into ${schema}.saga values (1)',
    'insert into ${schema}.saga\n select 1',
    'update saga set x = 1 returning *',
    'select s.* from saga s',
    'select id from saga natural join saga_event',
  ])('are found where they do not: %s', (statement) => {
    expect(unnamed('src/engine/store/some.ts', `db.executeSql(\`${statement}\`)`)).toHaveLength(1)
  })

  test.each([
    'select * from unnest($1::int[]) as x(id)',
    'insert into ${schema}.saga (id) values (1)',
    'insert into ${schema}.saga (id)\n select x.id from x',
  ])('may take the columns that stand beside a function: %s', (statement) => {
    expect(unnamed('src/engine/store/some.ts', `db.executeSql(\`${statement}\`)`)).toEqual([])
  })
})
