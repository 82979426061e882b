/** The headers of every response, errors and 304s included. */

/** Only our own script with this response's nonce runs, and htmx alone may turn text into markup. */
export function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types htmx',
  ].join('; ')
}

/**
 * Strict-Transport-Security is left to the host, whose domain it is. The referrer stays within the origin, and is not
 * cut to nothing: without it browsers send `Origin: null` with a form, which the guard must refuse.
 */
export function securityHeaders(nonce: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': contentSecurityPolicy(nonce),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  }
}

/** Sets those that the response does not have: what a host's own Response says, stands. */
export function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  // A copy, because the headers of a redirect, or of a fetched response, cannot be changed.
  const copy = new Response(response.body, response)
  for (const [name, value] of Object.entries(headers)) if (!copy.headers.has(name)) copy.headers.set(name, value)
  return copy
}
