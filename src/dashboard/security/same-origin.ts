/**
 * Forms are taken from our own pages only. The browser itself says where a request comes from, so no token is needed.
 *
 * 1. `Sec-Fetch-Site: same-origin` passes.
 * 2. Any other `Sec-Fetch-Site` is refused: also `same-site`, and `none`, since nobody types a POST.
 * 3. Without that header the host of `Origin` must be the Host, or the origin a trusted one; none at all is refused.
 */
export function isFromOurPages(headers: Headers, host: string, trustedOrigins: readonly string[]): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  const origin = headers.get('origin')
  return origin !== null && (trustedOrigins.includes(origin) || hostOf(origin) === host.toLowerCase())
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
