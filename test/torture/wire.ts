/** As much of Postgres's wire protocol as is needed to see which statement goes by: what a client sends, in frames. */

const PROTOCOL_3 = 196_608

export type Frame = {
  readonly bytes: Buffer
  /** Of a statement, sent to be run or to be parsed. */
  readonly statement?: string
}

/** Cuts what a client sends into whole messages. */
export class ClientFrames {
  #rest: Buffer = Buffer.alloc(0)
  #hasBegun = false
  /** As the client called itself when it connected. */
  application = ''

  of(chunk: Buffer): readonly Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    for (;;) {
      // The first message has no type; all others begin with one.
      const header = this.#hasBegun ? 1 : 0
      if (this.#rest.length < header + 4) return frames
      const length = header + this.#rest.readInt32BE(header)
      if (this.#rest.length < length) return frames
      const bytes = this.#rest.subarray(0, length)
      this.#rest = this.#rest.subarray(length)
      frames.push(this.#hasBegun ? framed(bytes) : this.#begin(bytes))
    }
  }

  #begin(bytes: Buffer): Frame {
    // Asking for TLS, or cancelling, is no beginning yet.
    if (bytes.readInt32BE(4) !== PROTOCOL_3) return { bytes }
    this.#hasBegun = true
    const words = bytes.toString('utf8', 8).split('\0')
    this.application = words[words.indexOf('application_name') + 1] ?? ''
    return { bytes }
  }
}

function framed(bytes: Buffer): Frame {
  const type = String.fromCharCode(bytes[0] ?? 0)
  if (type === 'Q') return { bytes, statement: bytes.toString('utf8', 5, bytes.length - 1) }
  if (type !== 'P') return { bytes }
  const start = bytes.indexOf(0, 5) + 1
  return { bytes, statement: bytes.toString('utf8', start, bytes.indexOf(0, start)) }
}
