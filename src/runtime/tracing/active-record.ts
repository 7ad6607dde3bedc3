import type { Headers } from '../../core/record.ts'
import type { OpenTelemetry, Span, SpanScope } from './open-telemetry.ts'
import {
  onlyTrace,
  spanContextOf,
  traceHeaders,
  traceParentOf,
  withTrace,
} from './trace-context.ts'

/**
 * What is processed now, and under which span. Headers are put together when they are asked for: a
 * record that leads to nothing needs none.
 */
export class ActiveRecord {
  /** Undefined where the record is passed on by the span that sent it. */
  readonly span: Span | undefined
  /** What spans of steps are children of. */
  readonly scope: SpanScope
  /** As the record was read. */
  readonly received: Headers
  #own: Headers | undefined
  #headers: Headers | undefined

  constructor(span: Span | undefined, scope: SpanScope, received: Headers) {
    this.span = span
    this.scope = scope
    this.received = received
    if (span === undefined) this.#headers = received
  }

  /** What is sent on of it. */
  get headers(): Headers {
    return (this.#headers ??= withTrace(this.received, this.#trace))
  }

  /**
   * Of what is sent now. A record that was kept since comes with its own span, and so may one that
   * a step has made: only what came with this record is replaced.
   */
  outgoing(headers: Headers): Headers {
    if (headers === this.#headers) return headers
    if (headers === this.received) return this.headers
    const sender = traceParentOf(headers)
    if (sender === undefined) return withTrace(headers, this.#trace)
    const parent = traceParentOf(this.received)
    const isReceived = parent !== undefined && Buffer.compare(sender, parent) === 0
    return isReceived ? withTrace(headers, this.#trace) : headers
  }

  get #trace(): Headers {
    this.#own ??=
      this.span === undefined ? onlyTrace(this.received) : traceHeaders(this.span.spanContext())
    return this.#own
  }
}

/** The scope of the span that sent a record, made when somebody asks: hardly anybody does. */
export class SenderScope implements SpanScope {
  readonly #api: OpenTelemetry
  readonly #received: Headers
  #scope: SpanScope | undefined

  constructor(api: OpenTelemetry, received: Headers) {
    this.#api = api
    this.#received = received
  }

  getValue(key: symbol): unknown {
    return this.#made().getValue(key)
  }

  setValue(key: symbol, value: unknown): SpanScope {
    return this.#made().setValue(key, value)
  }

  deleteValue(key: symbol): SpanScope {
    return this.#made().deleteValue(key)
  }

  #made(): SpanScope {
    if (this.#scope === undefined) {
      const { ROOT_CONTEXT, trace } = this.#api
      const sender = spanContextOf(this.#received)
      this.#scope = sender === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, sender)
    }
    return this.#scope
  }
}
