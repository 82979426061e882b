import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandTable } from '../../tools/cli-table.ts'
import { anchors, codeBlocks, type Page, ROOT, readPage, readPages, relativeLinks } from './markdown.ts'

/** One sentence for each link of the page that leads nowhere. */
function brokenLinks(page: Page): readonly string[] {
  return relativeLinks(page.text).flatMap((link) => {
    const [file = '', anchor] = link.split('#')
    const path = posix.join(posix.dirname(page.path), file)
    if (file !== '' && !existsSync(join(ROOT, path))) return [`${page.path}: ${link} leads nowhere.`]
    if (anchor === undefined) return []
    const { text } = file === '' ? page : readPage(path)
    return anchors(text).includes(anchor) ? [] : [`${page.path}: ${link} leads to no heading.`]
  })
}

/** References to tests are written `test/folder/file.test.ts › name of the test`, or without the name. */
function testReferences(text: string): readonly { readonly path: string; readonly title: string | undefined }[] {
  const references = [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)(?: › ([^`]+))?`/g)]
  return references.map(([, path = '', title]) => ({ path, title }))
}

/** One sentence for each reference to a test that is not there. */
function missingTests(text: string): readonly string[] {
  return testReferences(text).flatMap(({ path, title }) => {
    if (!existsSync(join(ROOT, path))) return [`There is no ${path}.`]
    if (title === undefined || titlesOf(path).includes(title)) return []
    return [`${path} has no test "${title}".`]
  })
}

/** What stands in quotes behind `test(` or `describe(`, also where a table of cases stands in between. */
function titlesOf(path: string): readonly string[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const titles = text.matchAll(/(?:\b(?:test|describe)(?:\.\w+)?\(|^ *\](?: as const)?\)\(|\)\()\s*(['"`])(.+?)\1,/gm)
  return [...titles].map(([, , title = '']) => title)
}

/** The codes of the union in src/engine/errors.ts. */
function errorCodes(): readonly string[] {
  const text = readFileSync(join(ROOT, 'src/engine/errors.ts'), 'utf8')
  const union = /export type SagaErrorCode =([\s\S]*?)\n\n/.exec(text)?.[1] ?? ''
  return [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code = '']) => code)
}

/** The codes that have a row of their own in the page's tables. */
function explainedCodes(text: string): readonly string[] {
  return [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code = '']) => code)
}

describe('a link', () => {
  test.each(readPages().map((page) => [page.path, page] as const))('of %s leads somewhere', (_path, page) => {
    expect(brokenLinks(page)).toEqual([])
  })

  test('that leads nowhere is found, to a file or to a heading', () => {
    const text = '# One\n[a](other.md) [b](#one) [c](#two) [d](../README.md) [e](https://example.org) `[f](code.md)`'
    expect(brokenLinks({ path: 'docs/page.md', text })).toEqual([
      'docs/page.md: other.md leads nowhere.',
      'docs/page.md: #two leads to no heading.',
    ])
  })
})

describe('a test that a page refers to', () => {
  test.each(readPages().map((page) => [page.path, page] as const))(
    'is there, and has the name that %s says',
    (_path, page) => {
      expect(missingTests(page.text)).toEqual([])
    },
  )

  test('stands in each row of the rules', () => {
    const rows = readPage('docs/guarantees.md').text.match(/^\| \d+ \|.*$/gm) ?? []
    expect(rows).toHaveLength(14)
    expect(rows.filter((row) => testReferences(row).length === 0)).toEqual([])
  })

  test('and that is not there is found, as a file and as a name', () => {
    const text = [
      '`test/docs/pages.test.ts › and that is not there is found, as a file and as a name`',
      '`test/docs/pages.test.ts › of %s leads somewhere`',
      '`test/docs/pages.test.ts › is a figment`',
      '`test/docs/figment.test.ts`',
    ].join('\n')
    expect(missingTests(text)).toEqual([
      'test/docs/pages.test.ts has no test "is a figment".',
      'There is no test/docs/figment.test.ts.',
    ])
  })
})

describe('an error code', () => {
  test('is explained in docs/errors.md, and no other is', () => {
    const codes = errorCodes()
    expect(codes).toContain('DEFINITION_INVALID')
    const { text } = readPage('docs/errors.md')
    const [thrown = ''] = text.split('\n## Codes in the journal')
    expect([...explainedCodes(thrown)].sort()).toEqual([...codes].sort())
  })
})

describe('the table of commands', () => {
  test('in docs/cli.md is that of the program: npm run cli:table', () => {
    const [, table] = /<!-- commands -->\n([\s\S]*?)<!-- \/commands -->/.exec(readPage('docs/cli.md').text) ?? []
    expect(table).toBe(commandTable())
  })
})

describe('the scanner of code blocks', () => {
  test('finds them with what stands behind their fence', () => {
    const text = 'a\n```ts run\none\n```\nb\n```\ntwo\n```\n'
    expect(codeBlocks(text)).toEqual([
      { info: 'ts run', code: 'one\n' },
      { info: '', code: 'two\n' },
    ])
  })
})
