/** What is taken along from a page: it must be what it says, whatever stands in the saga. No database. */
import { execFileSync } from 'node:child_process'
import { stripTypeScriptTypes } from 'node:module'
import { Script } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandsFor } from '../../src/dashboard/copies/commands.ts'
import { testOfSaga } from '../../src/dashboard/copies/test-of-saga.ts'
import { linksFor } from '../../src/dashboard/links.ts'
import { parseExactly } from '../../src/dashboard/payload/exact.ts'
import { Redaction } from '../../src/dashboard/redaction.ts'
import type { Attempt } from '../../src/dashboard/timeline/attempts.ts'
import { quoted } from '../../src/dashboard/words/shell.ts'
import type { SagaView } from '../../src/index.ts'
import { hostile } from './orders.ts'

const ID = '01a1fce1-8814-7000-aad7-833589d72686'

function sagaWith(more: object): SagaView {
  return {
    id: ID,
    key: null,
    definition: 'fulfil-order',
    version: 2,
    status: 'dead_lettered',
    direction: 'forward',
    reason: 'past_pivot',
    state: { pivoted: true },
    steps: [{ name: 'ship', state: 'failed' }],
    tags: [],
    fits: ['retry', 'resolve'],
    createdAt: new Date(0),
    finishedAt: null,
    ...more,
  } as unknown as SagaView
}

describe('a word for the shell', () => {
  test('is what it was, to bash', () => {
    const words = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((word) => {
      return !word.includes('\0') && word.isWellFormed()
    })
    const hard = [
      `'; rm -rf /; '`,
      '$(x)',
      '`x`',
      '-n',
      '--key',
      'a\nb',
      '\x03rm',
      "\\'",
      '\u202eabc',
      hostile,
      '!!',
      '\x1b[2J',
    ]
    const all = [...hard, ...fc.sample(words, 150)]
    const script = all.map((word) => `printf '%s\\0' x${quoted(word)}`).join('\n')
    const printed = execFileSync('bash', ['-c', script], { env: { ...process.env, LC_ALL: 'C.UTF-8' } }).toString()
    expect(printed.split('\0').slice(0, -1)).toEqual(all.map((word) => `x${word}`))
  })

  test('holds nothing that a terminal would take for a key, nor what turns a line around', () => {
    for (const word of ['a\nb', '\x03', '\x1b[2J', '\u202e', '\u2028']) {
      expect(quoted(word)).toMatch(/^\$'[\x20-\x7e]+'$/)
    }
    expect(quoted('order-1')).toBe('order-1')
    expect(quoted('-x')).toBe(`'-x'`)
  })
})

describe('commands', () => {
  test('are there for what can be done, with a reason to be filled in', () => {
    expect(commandsFor(sagaWith({})).map(({ text }) => text)).toEqual([
      `pg-saga show ${ID}`,
      `pg-saga events ${ID}`,
      `pg-saga retry ${ID} --reason 'why'`,
      `pg-saga compensate ${ID} --past-pivot --reason 'why'`,
      `pg-saga resolve ${ID} --as completed --reason 'why'`,
    ])
  })

  test('quote a key', () => {
    const key = `o'1; rm -rf /`
    expect(commandsFor(sagaWith({ key }))[2]?.text).toBe(`pg-saga list --key='o'\\''1; rm -rf /'`)
  })
})

const redaction = new Redaction(undefined)
const attempt = (message: string): Attempt => ({
  step: 'ship',
  side: 'action',
  number: 1,
  round: 1,
  end: 'failed',
  says: 'Was refused',
  error: { name: message, message, code: message },
  worker: null,
  build: null,
})

/** Throws where it is not JavaScript. What it imports is not looked for. */
function parse(text: string): void {
  const body = stripTypeScriptTypes(text).replaceAll(/^import .*$/gm, '')
  new Script(`async () => {${body}}`)
}

describe('a test', () => {
  test('has the definition, the input, what came of each attempt, and how it ended', () => {
    const text = testOfSaga({
      saga: sagaWith({}),
      attempts: [attempt('No.')],
      input: { order: 'o-1', lines: [1] },
      redaction,
    })
    parse(text)
    expect(text).toContain("import { fulfilOrder as definition } from './fulfil-order.ts'")
    expect(text).toContain('const input = {\n  order: "o-1",\n  lines: [\n    1,\n  ],\n}')
    expect(text).toContain(
      '{ step: "ship", side: "action", attempt: 1, end: "failed", error: { name: "No.", code: "No.", message: "No." } }',
    )
    expect(text).toContain('toBe("dead_lettered")')
    expect(text).toContain('["ship", "failed"]')
  })

  test('is code whatever stands in the saga, and that is never code', () => {
    const nasty = [
      hostile,
      '*/ process.exit()',
      '`${process.exit()}`',
      '\u2028process.exit()',
      '\n// x',
      "'); process.exit(); ('",
      '</script>',
    ]
    for (const text of nasty) {
      const input = { [text]: text, list: [text, { [text]: null }], deep: { deep: {} } }
      const saga = sagaWith({ key: text, tags: [text], steps: [{ name: text, state: 'failed' }] })
      const written = testOfSaga({ saga, attempts: [attempt(text)], input, redaction })
      parse(written)
      const given = /const input = ([\s\S]*?)\n\n\/\/ What came/.exec(written)?.[1] ?? ''
      expect(new Script(`(${given})`).runInNewContext()).toEqual(input)
    }
  })

  test('gives the input that was there, of any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (input) => {
        const written = testOfSaga({ saga: sagaWith({}), attempts: [], input, redaction })
        const given = /const input = ([\s\S]*?)\n\n\/\/ What came/.exec(written)?.[1] ?? ''
        // In a context of its own objects have another prototype.
        expect(JSON.parse(new Script(`JSON.stringify(${given})`).runInNewContext() as string)).toEqual(
          JSON.parse(JSON.stringify(input)),
        )
      }),
    )
  })

  test('says where JavaScript cannot hold a number, and keeps a field called __proto__ a field', () => {
    const input = parseExactly('{"id": 12345678901234567890, "__proto__": {"a": 1}}')
    const text = testOfSaga({ saga: sagaWith({}), attempts: [], input, redaction })
    parse(text)
    expect(text).toContain('12345678901234567890 /* JavaScript cannot hold this number */')
    expect(text).toContain('["__proto__"]: {')
  })
})

describe('links to elsewhere', () => {
  const silent = { info() {}, warn() {}, error() {}, debug() {} }
  const outline = {
    saga: sagaWith({ key: 'o-1', tags: ['a'] }),
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  }
  const shown = (links: Parameters<typeof linksFor>[0]) => linksFor(links, outline, silent as never)

  test('are made of what the saga is, and not of its payloads', () => {
    const links = shown(({ traceparent, ...rest }) => {
      expect(Object.keys(rest).sort((a, b) => (a < b ? -1 : 1))).toEqual([
        'createdAt',
        'definition',
        'finishedAt',
        'id',
        'key',
        'tags',
        'version',
      ])
      return [{ label: 'Trace', href: `https://traces.example/${traceparent?.split('-')[1]}` }]
    })
    expect(links).toEqual([{ label: 'Trace', href: 'https://traces.example/4bf92f3577b34da6a3ce929d0e0e4736' }])
  })

  test.each(['https://a.example/x', 'http://a.example', '/orders/1', 'orders?x=1', '#top', '//b.example/x'])(
    'to %s are shown',
    (href) => {
      expect(shown(() => [{ label: 'L', href }])).toEqual([{ label: 'L', href }])
    },
  )

  test.each([
    'javascript:alert(1)',
    ' java\nscript:alert(1)',
    '\x01javascript:x',
    'JAVASCRIPT:x',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://x',
    'https://',
    `/${'x'.repeat(5_000)}`,
  ])('to %j are left out', (href) => {
    expect(shown(() => [{ label: 'L', href }])).toEqual([])
  })

  test('are none where the hook throws or gives something else, and not too many', () => {
    expect(
      shown(() => {
        throw new Error('no')
      }),
    ).toEqual([])
    expect(shown((() => 'x') as never)).toEqual([])
    expect(shown((() => [null, { label: 1, href: '/x' }, { label: 'L' }]) as never)).toEqual([])
    expect(shown(() => Array.from({ length: 99 }, () => ({ label: hostile, href: '/x' })))).toHaveLength(10)
  })
})
