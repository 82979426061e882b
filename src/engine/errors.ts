export class SagaError extends Error {
  readonly code: string
  readonly details: Record<string, unknown> | undefined
  constructor(code: string, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details
  }
}
SagaError.prototype.name = 'SagaError'
export class StepRejected extends Error {}
export class StepNotApplied extends Error {
  readonly retryAfterMs: number | undefined
}
