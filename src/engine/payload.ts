export function checkPayload(value: unknown, _o: { what: string; maxBytes: number }): { json: string | undefined } {
  return { json: JSON.stringify(value) }
}
