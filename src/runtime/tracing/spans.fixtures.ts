/** A real SDK that keeps its spans, for the tests of tracing. */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as api from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace-base'

export { api }

/** What a test says about a span. */
export interface SeenSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly string[]
  readonly links: readonly string[]
  readonly failed: boolean
}

const seen = (span: ReadableSpan): SeenSpan => ({
  name: span.name,
  ...span.spanContext(),
  parentId: span.parentSpanContext?.spanId,
  attributes: span.attributes,
  events: span.events.map(({ name }) => name),
  links: span.links.map(({ context }) => context.spanId),
  failed: span.status.code === api.SpanStatusCode.ERROR,
})

/** OpenTelemetry with an SDK of its own, and what is active kept over asynchronous calls. */
export class Spans implements Disposable {
  readonly #exporter = new InMemorySpanExporter()
  readonly #active = new AsyncLocalStorage<api.Context>()

  constructor(sampler?: Sampler) {
    api.trace.setGlobalTracerProvider(
      new BasicTracerProvider({
        spanProcessors: [new SimpleSpanProcessor(this.#exporter)],
        ...(sampler === undefined ? {} : { sampler }),
      }),
    )
    const storage = this.#active
    const manager: api.ContextManager = {
      active: () => storage.getStore() ?? api.ROOT_CONTEXT,
      with: (context, work, thisArgument, ...rest) =>
        storage.run(context, () => work.apply(thisArgument, rest)),
      // For callbacks of sockets and the like, of which there is none here.
      bind: (_, target) => target,
      enable: () => manager,
      disable: () => manager,
    }
    api.context.setGlobalContextManager(manager)
  }

  /** In the order in which they ended. */
  get all(): readonly SeenSpan[] {
    return this.#exporter.getFinishedSpans().map(seen)
  }

  [Symbol.dispose](): void {
    api.trace.disable()
    api.context.disable()
  }
}

export const textHeader = (name: string, value: string): readonly [string, Uint8Array] => [
  name,
  Buffer.from(value),
]

/** The headers as text, by name. */
export const asText = (
  headers: readonly (readonly [string, Uint8Array | null])[],
): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(headers.map(([name, value]) => [name, value?.toString()]))
