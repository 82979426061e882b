/** A codec for tests: nothing of what it encodes can be read in it, and it knows by which key that was done. */
import type { PayloadAbout, PayloadCodec } from '../../src/index.ts'

export type TestCodec = PayloadCodec & {
  /** What goes wrong, for as long as a test wants it to. */
  fails: { encode?: Error; decode?: Error; gives?: unknown }
  readonly encoded: PayloadAbout[]
}

export function testCodec(key: string): TestCodec {
  const codec: TestCodec = {
    fails: {},
    encoded: [],
    async encode(json, about) {
      if (codec.fails.encode !== undefined) throw codec.fails.encode
      if ('gives' in codec.fails) return codec.fails.gives
      codec.encoded.push(about)
      return Promise.resolve({ key, box: Buffer.from(`${boundTo(about)}\n${json}`).toString('base64') })
    },
    async decode(stored, about) {
      if (codec.fails.decode !== undefined) throw codec.fails.decode
      const { key: usedKey, box } = stored as { key: string; box: string }
      if (usedKey !== key) throw new Error(`There is no key ${usedKey}.`)
      const [bound, json = ''] = Buffer.from(box, 'base64').toString().split('\n')
      if (bound !== boundTo(about)) throw new Error('It belongs elsewhere.')
      return Promise.resolve(json)
    },
  }
  return codec
}

function boundTo({ sagaId, definition, step = '' }: PayloadAbout): string {
  return `${sagaId} ${definition} ${step}`
}
