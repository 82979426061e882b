/** Traces for tests: everything that OpenTelemetry needs in a process, and spans as plain data that can be sent. */
import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'

export type Seen = {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly isError: boolean
  readonly message: string | undefined
  readonly exceptions: readonly Readonly<Record<string, unknown>>[]
  readonly startedAt: number
  readonly endedAt: number
}

/** Registers a provider in this process. @param take gets each span when it ends. @returns how to take it back. */
export function registerTracing(take: (span: Seen) => void): () => Promise<void> {
  const exporter = {
    export(spans: ReadableSpan[], done: (result: { code: number }) => void) {
      for (const span of spans) take(plain(span))
      done({ code: 0 })
    },
    shutdown: async () => {},
  }
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  return async () => {
    await provider.shutdown()
    trace.disable()
    context.disable()
    propagation.disable()
  }
}

function plain(span: ReadableSpan): Seen {
  const ms = ([seconds, nanos]: readonly [number, number]) => seconds * 1_000 + nanos / 1e6
  const { traceId, spanId } = span.spanContext()
  return {
    name: span.name,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    attributes: { ...span.attributes },
    isError: span.status.code === SpanStatusCode.ERROR,
    message: span.status.message,
    exceptions: span.events.filter(({ name }) => name === 'exception').map(({ attributes }) => ({ ...attributes })),
    startedAt: ms(span.startTime),
    endedAt: ms(span.endTime),
  }
}
