/** Payloads as trees: exact, bounded, and never markup. No database. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExactNumber, parseExactly, writeExactly } from '../../src/dashboard/payload/exact.ts'
import { Room } from '../../src/dashboard/payload/room.ts'
import { tree } from '../../src/dashboard/payload/tree.ts'
import { hostile } from './orders.ts'
import { textOf } from './text-of.ts'

const ROOMY = () => ({ maxCharacters: 1_000, maxDepth: 20, room: new Room(10_000, 1_000_000) })
const drawn = (value: unknown, limits = ROOMY()) => textOf(tree(value, limits).markup)

describe('numbers', () => {
  test.each(['12345678901234567890', '0.30000000000000004', '1.10', '-0', '1e400', '123456789.123456789123'])(
    '%s stays what it is: read, drawn and written',
    (text) => {
      const value = parseExactly(`{"n": ${text}}`)
      expect(drawn(value)).toContain(`<span class="v">${text}</span>`)
      expect(writeExactly(value)).toBe(`{\n  "n": ${text}\n}`)
    },
  )

  test('that JavaScript holds are plain', () => {
    expect(parseExactly('[1, 0.5, -3e-7]')).toEqual([1, 0.5, -3e-7])
    expect(parseExactly('[0.1000]')).toEqual([new ExactNumber('0.1000')])
  })

  test('and all the rest of JSON come back as they were', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(JSON.parse(writeExactly(parseExactly(json)))).toEqual(JSON.parse(json))
      }),
    )
  })
})

describe('a tree', () => {
  test('opens without scripts, branch by branch, and says how large each is', () => {
    const text = drawn({ order: { lines: [1, 2] }, none: null, no: false, empty: {}, nothing: [] })
    expect(text).toContain('<details><summary><b>order</b> <span class="muted">1 field</span></summary>')
    expect(text).toContain('list of 2')
    for (const leaf of ['null', 'false']) expect(text).toContain(`<span class="v">${leaf}</span>`)
    expect(text).toContain('no fields')
    expect(text).toContain('empty list')
  })

  test('is text, whatever stands in keys and values', () => {
    const text = drawn({ [hostile]: hostile, nested: { [hostile]: [hostile] } })
    expect(text).toContain('alert(1)')
    expect(text).not.toMatch(/<script|<img|<b hx/)
    expect(drawn(JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}'))).toContain('<b>__proto__</b>')
  })

  test('cuts long texts, and says how long they are', () => {
    const { markup, isWhole } = tree({ a: 'x'.repeat(5_000) }, ROOMY())
    expect(textOf(markup)).toContain('5,000 characters')
    expect(textOf(markup).length).toBeLessThan(1_300)
    expect(isWhole).toBe(false)
    expect(drawn({ a: '😀'.repeat(800) })).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/)
  })

  test('groups long lists, and stops where there is no room left', () => {
    const list = Array.from({ length: 250 }, (_, at) => at)
    expect(drawn(list)).toMatch(
      /<summary>0 to 99<\/summary>.*<summary>100 to 199<\/summary>.*<summary>200 to 249<\/summary>/s,
    )
    const { markup, isWhole } = tree(list, { ...ROOMY(), room: new Room(50, 1_000) })
    expect(isWhole).toBe(false)
    expect(textOf(markup)).toContain('more than is shown here')
    expect(textOf(markup).match(/class="v"/g)?.length).toBeLessThan(51)
  })

  test('is no deeper than a browser bears', () => {
    let deep: unknown = 1
    for (let depth = 0; depth < 400; depth += 1) deep = { deep }
    const { markup, isWhole } = tree(deep, ROOMY())
    expect(isWhole).toBe(false)
    expect(textOf(markup).match(/<details>/g)?.length).toBeLessThan(21)
    expect(textOf(markup)).toContain('too deep to be drawn')
  })

  test('shares its room with the others on the page', () => {
    const limits = ROOMY()
    const shared = { ...limits, room: new Room(10, 1_000) }
    expect(tree({ a: 1, b: 2 }, shared).isWhole).toBe(true)
    expect(
      tree(
        Array.from({ length: 20 }, () => 1),
        shared,
      ).isWhole,
    ).toBe(false)
  })
})
