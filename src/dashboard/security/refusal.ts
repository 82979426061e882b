/** An answer that is no page: which status, and what to tell the person. Never more than that. */
export class Refusal extends Error {
  readonly status: 400 | 403 | 404 | 405 | 409 | 413 | 414 | 415 | 429 | 500 | 503
  readonly title: string

  constructor(status: Refusal['status'], title: string, message: string) {
    super(message)
    this.status = status
    this.title = title
  }
}
Refusal.prototype.name = 'Refusal'
