/**
 * Alerts as signed webhooks. Whoever takes them knows by the signature that they come from here, by the time that they are
 * not old ones, and by the id which they have had already.
 *
 * Source: Standard Webhooks 1.0.0, https://github.com/standard-webhooks/standard-webhooks
 */
import { createHmac } from 'node:crypto'
import type { DeadLetterAlert } from '../engine/store/alerts.ts'
import { type Channel, TELL_WITHIN_MS } from './alert-loop.ts'

/** Where alerts are posted, and what they are signed with. */
export type WebhookOption = {
  /** `https:`, or `http:` inside of your own network. Redirects are not followed. */
  readonly url: string
  /**
   * `whsec_` and 24 to 64 random bytes in base64, which the receiver has too. Of several, each signs: so the receiver can
   * change from one to the next.
   */
  readonly secret: string | readonly string[]
}

/** Turns an alert into a link to look at: into your dashboard, say. */
export type AlertLink = (alert: DeadLetterAlert) => string

const PREFIX = 'whsec_'

/** What is wrong with it; `undefined` when nothing is. */
export function webhookProblem({ url, secret }: WebhookOption): string | undefined {
  const parsed = typeof url === 'string' ? URL.parse(url) : null
  const isAddress = parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username + parsed.password === ''
  if (!isAddress) return 'webhook.url is an http or https address without a user'
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (Array.isArray(secrets) && secrets.length > 0 && secrets.every((one) => keyOf(one) !== undefined)) return undefined
  return 'webhook.secret is whsec_ and 24 to 64 random bytes in base64, or a list of such secrets'
}

function keyOf(secret: unknown): Buffer | undefined {
  if (typeof secret !== 'string' || !secret.startsWith(PREFIX)) return undefined
  const text = secret.slice(PREFIX.length)
  const key = Buffer.from(text, 'base64')
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  return isWhole && key.length >= 24 && key.length <= 64 ? key : undefined
}

/** `v1,…`, one for each secret. @param seconds since 1970. */
export function signatureOf(secret: WebhookOption['secret'], id: string, seconds: number, body: string): string {
  const keys = [secret].flat().flatMap((one) => keyOf(one) ?? [])
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`)
    .join(' ')
}

export function webhookChannel({ url, secret }: WebhookOption, link: AlertLink | undefined): Channel {
  return {
    name: 'webhook',
    async tell(alert, now) {
      const { id, at, ...data } = alert
      const linked = link === undefined ? data : { ...data, link: link(alert) }
      const body = JSON.stringify({ type: 'saga.dead_letters', timestamp: at, data: linked })
      const seconds = Math.floor(now / 1_000)
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signatureOf(secret, id, seconds, body),
      }
      const status = await posted(url, body, headers)
      if (status < 200 || status > 299) throw new Error(`The webhook answered with status ${status}.`)
    },
  }
}

/** @returns the status of the answer. However much it says: nothing of it is read. */
async function posted(url: string, body: string, headers: Record<string, string>): Promise<number> {
  try {
    // A redirect could lead the alert, and its signature, anywhere.
    const signal = AbortSignal.timeout(TELL_WITHIN_MS)
    const response = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal })
    await response.body?.cancel()
    return response.status
  } catch (error) {
    // That of fetch says only that it has failed.
    const { message, cause } = error as Error
    const why = cause instanceof Error ? ((cause as { code?: string }).code ?? cause.message) : message
    throw new Error(`The webhook could not be called: ${why}`, { cause: error })
  }
}

/** The app's own function. */
export function callbackChannel(onDeadLetter: (alert: DeadLetterAlert) => void | Promise<void>): Channel {
  return { name: 'callback', tell: async (alert) => onDeadLetter(alert) }
}
