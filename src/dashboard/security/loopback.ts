/**
 * Whether a request may come in without `authenticate`: only this machine's own, and only with `NODE_ENV=development`.
 *
 * 0. Not told which environment this is: closed. A proxy may hide where a request comes from, so a server that merely
 *    forgot to say `production` must not be open.
 * 1. The socket decides, not a header that anybody can write. No socket: closed.
 * 2. A proxy on this machine has a loopback socket too, so anything that looks forwarded is refused.
 * 3. The Host must name this machine: a page elsewhere whose domain was pointed at 127.0.0.1 says its own name there.
 */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

export function isLocalDeveloper(
  remoteAddress: string | undefined,
  headers: Headers,
  host: string,
  environment: string | undefined,
): boolean {
  if (environment !== 'development' || remoteAddress === undefined) return false
  if (!isLoopback(remoteAddress) || FORWARDED.some((name) => headers.has(name))) return false
  return isOwnName(host)
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '')
  return plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain)
}

/** @param host as the header of that name has it. */
export function isOwnName(host: string): boolean {
  const name = host.toLowerCase().replace(/:\d+$/, '')
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name.replace(/^\[|\]$/g, ''))
}
