export type Duration = number | string
const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
export function toMs(d: Duration, _what: string): number {
  if (typeof d === 'number') return d
  const m = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(d)
  if (!m) throw new Error(`bad duration ${d}`)
  return Number(m[1]) * (UNITS[m[2] as string] ?? 1)
}
