import { describe, expect, test } from 'vitest'
import { barOf, table } from '../../demo/screen.ts'

describe('the progress bar', () => {
  const counts = { placed: 100, completed: 40, compensated: 8, deadLettered: 2 }

  test('shows what is at rest, what is under way, and what is still to come', () => {
    const bar = barOf(counts, 200, 120)
    expect(bar).toBe(`[${'█'.repeat(10)}${'▒'.repeat(10)}${'·'.repeat(20)}] 50/200  ✓ 40  ↩ 8  ✗ 2`)
  })

  test.each([200, 80, 60, 40, 30, 10])('fits into %i columns', (columns) => {
    expect(barOf(counts, 200, columns).length).toBeLessThan(columns)
  })
})

describe('the table', () => {
  test('aligns names to the left and values to the right', () => {
    expect(
      table([
        ['completed', '600'],
        ['  late', '7'],
      ]),
    ).toBe(' completed  600\n   late       7')
  })
})
