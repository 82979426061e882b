/** As much of Postgres's wire protocol as is needed to see which statement goes by: what a client sends, in frames. */

const PROTOCOL_3 = 196_608

export type Frame = {
  readonly bytes: Buffer
  /** Of a statement that is to be run, also of one that was planned before. */
  readonly statement?: string
}

/** Cuts what a client sends into whole messages. */
export class ClientFrames {
  #rest: Buffer = Buffer.alloc(0)
  /** What was planned under a name, which is all that is sent from then on. */
  readonly #planned = new Map<string, string>()
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
      frames.push(this.#hasBegun ? this.#framed(bytes) : this.#begin(bytes))
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

  #framed(bytes: Buffer): Frame {
    const type = String.fromCharCode(bytes[0] ?? 0)
    if (type === 'Q') return { bytes, statement: bytes.toString('utf8', 5, bytes.length - 1) }
    if (type !== 'P' && type !== 'B') return { bytes }
    const [first, second] = twoTexts(bytes)
    if (type === 'P') {
      this.#planned.set(first, second)
      return { bytes }
    }
    const statement = this.#planned.get(second)
    return statement === undefined ? { bytes } : { bytes, statement }
  }
}

/** Parse says a name and a statement, Bind the name of a portal and that of the statement. */
function twoTexts(bytes: Buffer): readonly [string, string] {
  const middle = bytes.indexOf(0, 5)
  return [bytes.toString('utf8', 5, middle), bytes.toString('utf8', middle + 1, bytes.indexOf(0, middle + 1))]
}
