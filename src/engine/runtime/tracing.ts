/**
 * Traces by OpenTelemetry: a saga goes on with the trace of whoever started it, in whichever process it runs.
 *
 * Its start keeps the W3C header of the span that is active then; each attempt is a span below that one, active while the
 * step's function runs, and so is the saga itself when it has come to rest. Where the process has registered no tracer
 * provider, nothing is kept, and each of these asks for the provider and does no more.
 */
import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  type ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { definedName, itemOf } from '../core/blueprint.ts'
import type { SagaEvent } from '../core/events.ts'
import { deadErrorOf } from '../core/fingerprint.ts'
import type { Delivery, Report } from '../core/input.ts'
import type { ErrorInfo } from '../core/state.ts'
import type { Origin, TraceParent } from '../store/sagas.ts'
import type { Batch } from './apply.ts'
import type { LoadedSaga } from './context.ts'
import { errorInfo } from './verdict.ts'

const SCOPE = 'pg-saga'
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
/** Of a header, as the standard has it. What is longer is left out; the trace goes on without it. */
const MAX_TRACESTATE = 512

/** `undefined` where nobody has registered a provider: asked each time, for one can come after the engine. */
function registeredTracer(): Tracer | undefined {
  return quietly(askedTracer)
}

function askedTracer(): Tracer | undefined {
  const provider: TracerProvider & Partial<ProxyTracerProvider> = trace.getTracerProvider()
  if (typeof provider.getDelegateTracer === 'function') return provider.getDelegateTracer(SCOPE)
  return provider.getTracer(SCOPE)
}

/** Whether somebody takes spans in this process. */
export function isTraced(): boolean {
  return registeredTracer() !== undefined
}

/** What a saga that is started now goes on with, as W3C headers; `undefined` where no span is active. */
export function activeTrace(): TraceParent | undefined {
  const active = trace.getSpanContext(context.active())
  if (active === undefined || !isSpanContextValid(active)) return undefined
  const flags = active.traceFlags.toString(16).padStart(2, '0')
  const state = active.traceState?.serialize() ?? ''
  return {
    traceparent: `00-${active.traceId}-${active.spanId}-${flags}`,
    tracestate: state === '' || state.length > MAX_TRACESTATE ? null : state,
  }
}

/** What is stored may be somebody else's: whatever is no header is no trace. */
function contextFrom({ traceparent, tracestate }: Partial<TraceParent>): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(typeof tracestate === 'string' ? { traceState: createTraceState(tracestate) } : {}),
  })
}

/**
 * Without the span that happens to be active: what an engine does from now on would be below the span in which it was
 * started, for ever.
 */
export function outsideOfTraces<T>(begin: () => T): T {
  return context.with(ROOT_CONTEXT, begin)
}

/** A start, or many: the sagas go on below this span. @param begin gets a function that names the saga. */
export function inStartSpan<T>(
  definition: string,
  count: number,
  begin: (named: (sagaId: string) => void) => Promise<T>,
): Promise<T> {
  const tracer = registeredTracer()
  if (tracer === undefined) return begin(() => {})
  const attributes = { 'saga.definition': definition, ...(count === 1 ? {} : { 'saga.count': count }) }
  const span = quietly(() => tracer.startSpan(`${definition} enqueue`, { kind: SpanKind.PRODUCER, attributes }))
  if (span === undefined) return begin(() => {})
  return context.with(trace.setSpan(context.active(), span), async () => {
    try {
      return await begin((sagaId) => quietly(() => span.setAttribute('saga.id', sagaId)))
    } catch (error) {
      quietly(() => fail(span, errorInfo(error)))
      throw error
    } finally {
      quietly(() => span.end())
    }
  })
}

/** A tracer is the app's: if it throws, there is a span less, and nothing else. */
function quietly<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

/** The span of an attempt under way. */
export type AttemptSpan = {
  /** Runs what is part of the attempt: spans that begin in it are below this one. */
  readonly inside: <T>(part: () => T) => T
  /** With what came of it; not at all, where somebody else has the attempt by now. */
  readonly end: (report?: Report) => void
}

/** `undefined` where nobody takes it. @param build of the code that is run. */
export function beginAttempt(
  saga: LoadedSaga,
  delivery: Delivery,
  build: string | null | undefined,
): AttemptSpan | undefined {
  const tracer = registeredTracer()
  if (tracer === undefined) return undefined
  const { step, side, insertedAs, retryCount } = delivery
  const name = definedName(step)
  const index = itemOf(step)?.index
  const attributes: Attributes = {
    'saga.id': saga.id,
    'saga.definition': saga.definition,
    'saga.version': saga.version,
    'saga.step': name,
    'saga.side': side,
    'saga.attempt': insertedAs + retryCount,
    ...(index === undefined ? {} : { 'saga.item': index }),
    ...(build === null || build === undefined ? {} : { 'saga.build': build }),
  }
  const title = `${saga.definition} ${name}${side === 'action' ? '' : ` ${side}`}`
  const parent = contextFrom(saga)
  const span = quietly(() => tracer.startSpan(title, { kind: SpanKind.CONSUMER, attributes }, parent))
  if (span === undefined) return undefined
  const active = trace.setSpan(parent, span)
  return {
    inside: (part) => context.with(active, part),
    end(report) {
      quietly(() => {
        span.setAttribute('saga.outcome', outcomeOf(report))
        if (report?.type === 'failed') fail(span, report.error)
        span.end()
      })
    },
  }
}

function outcomeOf(report: Report | undefined): string {
  if (report === undefined) return 'superseded'
  if (report.type !== 'failed') return report.type
  return report.timedOut === true ? 'timed_out' : report.verdict
}

/** As the journal has it: bounded, and without its stack. */
function fail(span: Span, { name, message, code }: ErrorInfo): void {
  span.recordException({ name, message, ...(code === undefined ? {} : { code }) })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

const RESTS: Partial<Record<SagaEvent['type'], string>> = {
  saga_completed: 'completed',
  saga_compensated: 'compensated',
  saga_dead_lettered: 'dead_lettered',
  saga_resolved: 'resolved',
}

/** The status that a saga has come to rest in by these events, dead letters included. */
export function restOf(events: readonly SagaEvent[]): string | undefined {
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const rest = RESTS[events[at]?.type ?? 'saga_started']
    if (rest !== undefined) return rest
  }
  return undefined
}

/** A span for each saga that has come to rest, from its start to now. @param batch that is committed. */
export function traceRests({ applied, now }: Pick<Batch, 'applied' | 'now'>): void {
  for (const one of applied) {
    if (one.origin === undefined) continue
    const status = restOf(one.events)
    const tracer = status === undefined ? undefined : registeredTracer()
    if (status === undefined || tracer === undefined) continue
    const { item, definition, origin, state } = one
    quietly(() => {
      const span = beginSaga(tracer, item.sagaId, definition, status, origin)
      // A saga that was undone has done what it was to do in that case.
      if (status === 'dead_lettered')
        fail(span, deadErrorOf(state) ?? { name: status, message: state.deadLetter?.reason ?? '' })
      span.end(new Date(Math.max(now, origin.startedAt)))
    })
  }
}

function beginSaga(tracer: Tracer, id: string, definition: string, status: string, origin: Origin): Span {
  const attributes = { 'saga.id': id, 'saga.definition': definition, 'saga.status': status }
  return tracer.startSpan(definition, { startTime: new Date(origin.startedAt), attributes }, contextFrom(origin))
}
