import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_DURATION_MS, parseDuration } from '../../src/engine/core/duration.ts'
import { type Duration, toMs } from '../../src/engine/duration.ts'
import { SagaError } from '../../src/engine/errors.ts'

describe('a length of time', () => {
  test.each<[Duration, number]>([
    [0, 0],
    [250, 250],
    [0.4, 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1 second', 1_000],
    ['90 seconds', 90_000],
    ['1.5m', 90_000],
    ['15 minutes', 900_000],
    ['1h', 3_600_000],
    ['2 hours', 7_200_000],
    ['1d', 86_400_000],
    ['2 days', 172_800_000],
  ])('%s has %d ms', (duration, ms) => {
    expect(toMs(duration, 'timeout')).toBe(ms)
  })

  const nonsense: readonly unknown[] = [
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    MAX_DURATION_MS + 1,
    '',
    '30',
    's',
    '-5s',
    '1e3s',
    '5 fortnights',
    '5  s',
    ' 5s',
    '5s\n',
    '1m 30s',
    '40000 days',
    'constructor',
    '5 toString',
    null,
    undefined,
    {},
    5n,
  ]
  test.each(nonsense.map((given) => [inspect(given), given]))('is not %s', (_shown, given) => {
    expect(parseDuration(given)).toBeUndefined()
    expect(() => toMs(given as Duration, 'timeout')).toThrow(SagaError)
  })

  test('that is none is refused by the name of its option, and says what to write', () => {
    const refusal = () => toMs('soon' as Duration, 'step charge-card: timeout')
    expect(refusal).toThrow(
      expect.objectContaining({
        code: 'DEFINITION_INVALID',
        message: `step charge-card: timeout is "soon", which is no length of time: write milliseconds, or '30s', '5 minutes', '2h', '1 day'.`,
      }),
    )
  })

  test('is whole milliseconds between zero and a hundred years, whatever is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.anything()), (given) => {
        const ms = parseDuration(given)
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_DURATION_MS)).toBe(true)
      }),
    )
  })
})
