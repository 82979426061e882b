import { describe, expect, test } from 'vitest'
import { ClientFrames } from './wire.ts'

function message(type: string, body: string): Buffer {
  const bytes = Buffer.from(body, 'latin1')
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length + 4)
  return Buffer.concat([Buffer.from(type), length, bytes])
}

const BEGINNING = message('', '\0\x03\0\0user\0postgres\0application_name\0pg-saga fetch\0\0')
const SENT = Buffer.concat([
  BEGINNING,
  message('Q', 'begin\0'),
  message('P', '\0select 1\0\0\0'),
  message('B', '\0\0\0\0\0\0\0\0'),
  message('P', 'two\0select 2\0\0\0'),
  message('B', '\0two\0\0\0\0\0\0\0'),
  message('S', ''),
  message('B', '\0two\0\0\0\0\0\0\0'),
  message('Q', 'commit\0'),
])

describe('what a client sends', () => {
  test.each([1, 3, 7, SENT.length])('is seen as the statements that it is made of, in pieces of %i bytes', (size) => {
    const frames = new ClientFrames()
    const seen = Array.from({ length: Math.ceil(SENT.length / size) }, (_, index) =>
      frames.of(SENT.subarray(index * size, (index + 1) * size)),
    ).flat()
    expect(Buffer.concat(seen.map(({ bytes }) => bytes))).toEqual(SENT)
    const statements = seen.flatMap(({ statement }) => statement ?? [])
    expect(statements).toEqual(['begin', 'select 1', 'select 2', 'select 2', 'commit'])
    expect(frames.application).toBe('pg-saga fetch')
  })
})
