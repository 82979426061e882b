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

/** What of it did not fit, and how to mend it where a proxy is the reason. */
export function whyNotOurs(headers: Headers, host: string): string {
  if (headers.get('sec-fetch-site') !== null) return 'This form was sent by another site. Nothing was done.'
  const origin = headers.get('origin')
  if (origin === null || origin === 'null') {
    return 'The browser did not say which site this form comes from, or something on the way took that off (the headers Origin and Sec-Fetch-Site). Nothing was done.'
  }
  return `This form comes from ${origin}, and this server was asked as ${host}: it was sent by another site, or a proxy changes the Host header. Have the proxy pass the Host on, or name ${origin} in the option trustedOrigins. Nothing was done.`
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
