/** The providers as the steps see them: HTTP, with a key for every request and a limit on how long they wait. */
import { StepRejected } from '../../src/index.ts'
import type { Charge, Invoice, PaymentLedger } from './payment.ts'
import type { Shipment, ShippingLedger } from './shipping.ts'

/** A request takes a third of a second at most; who has waited this long will get no answer. */
const PATIENCE_MS = 2_000

/** "No": cancelled before, declined, or impossible. Asking again changes nothing. */
const REFUSALS: readonly number[] = [402, 409, 422]

export type Call = { readonly idempotencyKey: string; readonly signal: AbortSignal }

/** An answer that says neither yes nor no. The engine takes 503 for "not applied", and everything else for a doubt. */
class ProviderError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(`${status}: ${message}`)
    this.status = status
  }
}

export class Payments {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  charge(orderId: number, amountCents: number, call: Call): Promise<Charge> {
    return post(`${this.#url}/charges`, { orderId, amountCents }, call)
  }

  /** Refunds the charge of this key, and keeps it from being made if it has not been. */
  cancel(key: string, call: Call): Promise<{ refundedCents: number }> {
    return post(`${this.#url}/cancellations`, { key }, call)
  }

  invoice(orderId: number, chargeId: string, call: Call): Promise<Invoice> {
    return post(`${this.#url}/invoices`, { orderId, chargeId }, call)
  }

  ledger(): Promise<PaymentLedger> {
    return get(`${this.#url}/ledger`)
  }
}

export class Shipping {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  findCarrier(orderId: number, address: string, call: Call): Promise<{ carrier: string }> {
    return post(`${this.#url}/carriers`, { orderId, address }, call)
  }

  ship(orderId: number, carrier: string, address: string, call: Call): Promise<Shipment> {
    return post(`${this.#url}/shipments`, { orderId, carrier, address }, call)
  }

  cancel(key: string, call: Call): Promise<{ stopped: boolean }> {
    return post(`${this.#url}/cancellations`, { key }, call)
  }

  ledger(): Promise<ShippingLedger> {
    return get(`${this.#url}/ledger`)
  }
}

async function post<Answer>(url: string, body: unknown, { idempotencyKey, signal }: Call): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  }).catch((error: unknown) => {
    throw unanswered(url, error)
  })
  if (response.ok) return (await response.json()) as Answer
  const { message = '' } = (await response.json().catch(() => ({}))) as { message?: string }
  if (REFUSALS.includes(response.status)) throw new StepRejected(message)
  throw new ProviderError(response.status, message)
}

/** Says what happened in words; the cause tells the engine whether the request can have arrived. */
function unanswered(url: string, error: unknown): Error {
  const { name, cause } = error as { name?: string; cause?: { code?: string } }
  const why = cause?.code ?? (name === 'TimeoutError' ? `no answer within ${PATIENCE_MS} ms` : String(error))
  return new Error(`${new URL(url).pathname.slice(1)}: ${why}`, { cause: error })
}

async function get<Answer>(url: string): Promise<Answer> {
  const response = await fetch(url)
  if (!response.ok) throw new ProviderError(response.status, url)
  return (await response.json()) as Answer
}
