/** Whether a test of this file has failed so far; setup.ts keeps it up to date. */
let failed = false

export function noteFailure(): void {
  failed = true
}

export function hasFailed(): boolean {
  return failed
}
