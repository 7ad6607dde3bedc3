import { isStreamsError, messageOf } from '../../core/errors.ts'
import { noHeaders, type Headers, type RawRecord } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { Emit, OperatorContext, Waited } from '../../topology/processor.ts'
import type { FailurePolicy } from '../../topology/graph.ts'
import type { PartitionQueue } from '../task/partition-queue.ts'
import type { RecordCollector } from '../task/record-collector.ts'
import { ActiveRecord, SenderScope } from './active-record.ts'
import {
  CONSUMER,
  ERROR,
  type OpenTelemetry,
  type SpanAttributes,
  type SpanContext,
  type Tracer,
} from './open-telemetry.ts'
import { isKnown, isUnsampled, spanContextOf } from './trace-context.ts'

/** Of records that were gathered; more are not linked, as an SDK would not keep more. */
const LINKS_MAX = 128

export interface RecordSpansOptions {
  readonly id: TaskId
  readonly applicationId: string
}

/**
 * A span for each record that a task processes, a child of the one that sent it, which the headers
 * of the record name; what the record leads to is sent with this span in its headers. A record
 * whose sender has decided not to sample is passed on as it is.
 */
export class RecordSpans {
  readonly #api: OpenTelemetry
  readonly #tracer: Tracer
  readonly #options: RecordSpansOptions
  readonly #inputs = new WeakMap<PartitionQueue, SpanAttributes>()
  #active: ActiveRecord | undefined

  constructor(api: OpenTelemetry, options: RecordSpansOptions) {
    this.#api = api
    this.#tracer = api.trace.getTracer('millrace')
    this.#options = options
  }

  /** Processes the head of an input under a span of its own. */
  process<I extends { readonly queue: PartitionQueue }>(input: I, work: (input: I) => void): void {
    const { queue } = input
    const { run } = queue
    const attributes = this.#attributesOf(queue)
    const active = this.#begin(`process ${queue.topic}`, attributes, run.headers, undefined)
    if (active.span?.isRecording() === true) {
      active.span.setAttribute('messaging.kafka.offset', run.offset)
      if (run.value === null) active.span.setAttribute('messaging.kafka.message.tombstone', true)
    }
    this.#within(active, work, input)
  }

  /** What a step is given, so that records which have waited have a span of their own, too. */
  contextOf(node: string, given: TracedContext): TracedContext {
    return {
      resume: (waited, work) => {
        this.#within(this.#resumed(node, waited), () => given.resume(waited, work), undefined)
      },
      sources: () => this.#sent(given.sources()),
      recordDropped: (reason, kind) => {
        this.#note('dropped', { 'millrace.step': node, 'millrace.reason': reason })
        given.recordDropped(reason, kind)
      },
      recordRetried: () => {
        this.#note('retried later', { 'millrace.step': node })
        given.recordRetried()
      },
    }
  }

  /** What follows a source is given the headers that are sent on. */
  entry(emit: Emit): Emit {
    return (key, value, timestampMs, headers) =>
      emit(key, value, timestampMs, this.#active?.headers ?? headers)
  }

  /** Puts the span that is active into the headers of what is sent. */
  collector({ send, partitionCount }: RecordCollector): RecordCollector {
    return {
      partitionCount,
      send: (topic, partition, timestampMs, key, value, headers) =>
        send(topic, partition, timestampMs, key, value, this.#outgoing(headers)),
    }
  }

  /** Says why what is processed has failed, and what becomes of it. */
  failed(error: unknown, policy: FailurePolicy): void {
    const span = this.#active?.span
    if (span === undefined) return
    const cause = isStreamsError(error) && error.cause !== undefined ? error.cause : error
    const { name, stack } = cause instanceof Error ? cause : { name: typeof cause, stack: '' }
    const message = messageOf(cause)
    span.recordException({ name, message, ...(stack ? { stack } : {}) })
    span.setStatus({ code: ERROR, message })
    span.setAttribute('error.type', isStreamsError(error) ? error.code : name)
    span.setAttribute('millrace.on_failure', policy)
  }

  /** For lines of a log about what is processed, by the names that log exporters look for. */
  logged(): { readonly trace_id: string; readonly span_id: string } | undefined {
    const span = this.#active?.span?.spanContext()
    return span && { trace_id: span.traceId, span_id: span.spanId }
  }

  #attributesOf(queue: PartitionQueue): SpanAttributes {
    let attributes = this.#inputs.get(queue)
    if (attributes === undefined) {
      attributes = this.#attributes('process', queue.topic, queue.partition)
      this.#inputs.set(queue, attributes)
    }
    return attributes
  }

  /** By OpenTelemetry's conventions for messaging. Keys and values may be private: left out. */
  #attributes(operation: string, topic: string, partition: number): SpanAttributes {
    return {
      'messaging.system': 'kafka',
      'messaging.operation.name': operation,
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.consumer.group.name': this.#options.applicationId,
      'millrace.task': this.#options.id,
    }
  }

  #resumed(node: string, waited: Waited): ActiveRecord {
    const { topic, partition, offset } = waited.at
    const records = waited.records()
    const attributes = this.#attributes('resume', topic, partition)
    attributes['messaging.kafka.offset'] = offset
    attributes['millrace.step'] = node
    attributes['millrace.attempt'] = waited.attempts
    if (records.length > 1) attributes['messaging.batch.message_count'] = records.length
    const others = records.slice(0, -1).slice(-LINKS_MAX)
    const links = others.flatMap(({ headers }) => spanContextOf(headers) ?? [])
    return this.#begin(
      topic === '' ? `resume ${node}` : `resume ${topic}`,
      attributes,
      records.at(-1)?.headers ?? noHeaders,
      links.length === 0 ? undefined : links,
    )
  }

  #begin(
    name: string,
    attributes: SpanAttributes,
    received: Headers,
    links: readonly SpanContext[] | undefined,
  ): ActiveRecord {
    if (isUnsampled(received)) {
      return new ActiveRecord(undefined, new SenderScope(this.#api, received), received)
    }
    const { trace, ROOT_CONTEXT } = this.#api
    const sender = spanContextOf(received)
    const outer = sender === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, sender)
    const options = { kind: CONSUMER, attributes }
    const span = this.#tracer.startSpan(
      name,
      links === undefined ? options : { ...options, links: links.map((context) => ({ context })) },
      outer,
    )
    // Nobody has set up an SDK.
    if (!isKnown(span.spanContext())) return new ActiveRecord(undefined, outer, received)
    return new ActiveRecord(span, trace.setSpan(ROOT_CONTEXT, span as never), received)
  }

  #within<A>(active: ActiveRecord, work: (argument: A) => void, argument: A): void {
    const outer = this.#active
    this.#active = active
    try {
      this.#api.context.with(active.scope, work, undefined, argument)
    } finally {
      this.#active = outer
      active.span?.end()
    }
  }

  /** What waits, or is kept, waits with the span that has processed it so far. */
  #sent(records: readonly RawRecord[]): readonly RawRecord[] {
    return records.map((record) => ({ ...record, headers: this.#outgoing(record.headers) }))
  }

  #outgoing(headers: Headers): Headers {
    return this.#active === undefined ? headers : this.#active.outgoing(headers)
  }

  #note(name: string, attributes: SpanAttributes): void {
    this.#active?.span?.addEvent(name, attributes)
  }
}

/** What of a step's context follows the trace. */
export type TracedContext = Pick<
  OperatorContext,
  'resume' | 'sources' | 'recordDropped' | 'recordRetried'
>
