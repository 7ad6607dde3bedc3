/**
 * What is needed of `@opentelemetry/api`, which is not ours to bring along: the whole module fits,
 * `import * as api from '@opentelemetry/api'`.
 */
export interface OpenTelemetry {
  readonly trace: {
    /** OpenTelemetry's own, as the next ones are. */
    readonly getTracer: (name: string, version?: string) => Tracer
    /** Takes a span of its own only, which may come to have more members than we know. */
    readonly setSpan: (context: SpanScope, span: never) => SpanScope
    /** For a span that came with a record. */
    readonly setSpanContext: (context: SpanScope, spanContext: SpanContext) => SpanScope
  }
  readonly context: {
    /** Runs the work with a span as the active one. */
    readonly with: <A>(
      context: SpanScope,
      work: (argument: A) => void,
      thisArgument: undefined,
      argument: A,
    ) => void
  }
  readonly ROOT_CONTEXT: SpanScope
}

/** OpenTelemetry's `Context`. */
export interface SpanScope {
  getValue: (key: symbol) => unknown
  setValue: (key: symbol, value: unknown) => SpanScope
  deleteValue: (key: symbol) => SpanScope
}

/** Which span of which trace, as it travels in `traceparent` and `tracestate`. */
export interface SpanContext {
  traceId: string
  spanId: string
  /** Bit 0: the span is recorded. */
  traceFlags: number
  traceState?: TraceState
  isRemote?: boolean
}

/** Lists of vendors, as one text. */
export interface TraceState {
  set: (key: string, value: string) => TraceState
  unset: (key: string) => TraceState
  get: (key: string) => string | undefined
  serialize: () => string
}

export type SpanAttributes = Record<string, string | number | boolean>

export interface SpanOptions {
  kind: number
  attributes: SpanAttributes
  links?: { context: SpanContext }[]
}

export interface Tracer {
  readonly startSpan: (name: string, options: SpanOptions, context: SpanScope) => Span
}

export interface Span {
  spanContext: () => SpanContext
  isRecording: () => boolean
  setAttribute: (name: string, value: string | number | boolean) => unknown
  addEvent: (name: string, attributes: SpanAttributes) => unknown
  recordException: (exception: { name: string; message: string; stack?: string }) => void
  setStatus: (status: { code: number; message?: string }) => unknown
  end: () => void
}

/** `SpanKind.CONSUMER`. */
export const CONSUMER = 4
/** `SpanStatusCode.ERROR`. */
export const ERROR = 2
