/** A wall clock that can be put wrong. Imported before everything else; clocks that only measure go on as they are. */
const RealDate = Date
let offMs = 0

class SkewedDate extends RealDate {
  constructor(...from: unknown[]) {
    if (from.length === 0) super(SkewedDate.now())
    else super(...(from as [number]))
  }

  static override now(): number {
    return RealDate.now() + offMs
  }
}

globalThis.Date = SkewedDate as DateConstructor

/** From now on the clock of this process is so far ahead, or behind. */
export function skewBy(ms: number): void {
  offMs = ms
}
