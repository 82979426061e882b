/** UUIDv7s: ordered by time, so that a million stored sagas do not make each insert touch a page of its own. */
import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES
let lastMs = 0
let counter = 0

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Source: RFC 9562, section 6.2, method 1 (a counter of 12 bits after the milliseconds). */
export function newId(): string {
  if (used + 8 > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const now = Date.now()
  if (now > lastMs) {
    lastMs = now
    counter = 0
  } else if (++counter > 0xfff) {
    // More than 4096 in one millisecond: borrow from the next one, so that the order stays.
    lastMs += 1
    counter = 0
  }
  const time = lastMs.toString(16).padStart(12, '0')
  const count = counter.toString(16).padStart(3, '0')
  let tail = HEX[((pool[used] ?? 0) & 0x3f) | 0x80] ?? '80'
  for (let index = 1; index < 8; index += 1) {
    tail += HEX[pool[used + index] ?? 0] ?? '00'
    if (index === 1) tail += '-'
  }
  used += 8
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${tail}`
}

/** Whether the text is a UUID as Postgres prints it. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)
}
