import type { Header, Headers } from '../../core/record.ts'
import type { SpanContext, TraceState } from './open-telemetry.ts'

/** W3C Trace Context, by whose names Kafka clients of all languages send it. */
const TRACE_PARENT = 'traceparent'
const TRACE_STATE = 'tracestate'

/** Longer ones may be cut off, says the W3C: they are left out whole. */
const STATE_BYTES_MAX = 512

const SAMPLED = 1
const PARENT_LENGTH = 55
const DASH = 0x2d
const LETTER_A = 0x61
const NO_TRACE = '0'.repeat(32)
const traceParent = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const nothing = /^0+$/

const isTrace = (name: string): boolean => name === TRACE_PARENT || name === TRACE_STATE

const textOf = (value: Uint8Array): string =>
  Buffer.prototype.latin1Slice.call(value, 0, value.length)

/** The last one with a value, as bytes; undefined: there is none. */
export function traceParentOf(headers: Headers): Uint8Array | undefined {
  for (let at = headers.length - 1; at >= 0; at--) {
    const [name, value] = headers[at] as Header
    if (name === TRACE_PARENT && value !== null) return value
  }
  return undefined
}

/** The span that sent the record; undefined where it does not say, or nothing that makes sense. */
export function spanContextOf(headers: Headers): SpanContext | undefined {
  const value = traceParentOf(headers)
  if (value === undefined) return undefined
  const [, version, traceId, spanId, flags, rest] = traceParent.exec(textOf(value)) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined) return undefined
  // A later version may have more behind; this one may not, and `ff` is none.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (nothing.test(traceId) || nothing.test(spanId)) return undefined
  const traceFlags = Number.parseInt(flags as string, 16)
  const state = headers.findLast(([name]) => name === TRACE_STATE)?.[1]
  const context = { traceId, spanId, traceFlags, isRemote: true }
  return state ? { ...context, traceState: new ReceivedState(textOf(state)) } : context
}

/** Whether the sender has decided against recording; from the bytes, for it may be most records. */
export function isUnsampled(headers: Headers): boolean {
  const value = traceParentOf(headers)
  if (value === undefined || value.length < PARENT_LENGTH) return false
  if (value[2] !== DASH || value[35] !== DASH || value[52] !== DASH) return false
  const digit = value[PARENT_LENGTH - 1] as number
  const flags = digit >= LETTER_A ? digit - LETTER_A + 10 : digit
  return (flags & SAMPLED) === 0
}

/** A span that nobody has set up an SDK for has only zeros. */
export const isKnown = ({ traceId }: SpanContext): boolean => traceId !== NO_TRACE

/** What a record is sent with by this span. */
export function traceHeaders(span: SpanContext): Headers {
  const flags = span.traceFlags.toString(16).padStart(2, '0')
  const parent: Header = [
    TRACE_PARENT,
    Buffer.from(`00-${span.traceId}-${span.spanId}-${flags}`, 'latin1'),
  ]
  const state = span.traceState?.serialize() ?? ''
  if (state === '' || state.length > STATE_BYTES_MAX) return [parent]
  return [parent, [TRACE_STATE, Buffer.from(state, 'latin1')]]
}

/** Only those of a trace. */
export const onlyTrace = (headers: Headers): Headers => headers.filter(([name]) => isTrace(name))

/** In place of those of a trace that are there. */
export const withTrace = (headers: Headers, own: Headers): Headers =>
  headers.length === 0 ? own : [...headers.filter(([name]) => !isTrace(name)), ...own]

/** What vendors have put in `tracestate`, in their order: the one changed last comes first. */
class ReceivedState implements TraceState {
  readonly #members: readonly (readonly [key: string, value: string])[]

  constructor(text: string | readonly (readonly [key: string, value: string])[]) {
    this.#members = typeof text === 'string' ? membersOf(text) : text
  }

  get(key: string): string | undefined {
    return this.#members.find(([each]) => each === key)?.[1]
  }

  set(key: string, value: string): TraceState {
    return new ReceivedState([[key, value], ...this.#without(key)])
  }

  unset(key: string): TraceState {
    return new ReceivedState(this.#without(key))
  }

  serialize(): string {
    return this.#members.map(([key, value]) => `${key}=${value}`).join(',')
  }

  #without(key: string): readonly (readonly [key: string, value: string])[] {
    return this.#members.filter(([each]) => each !== key)
  }
}

const membersOf = (text: string): readonly (readonly [key: string, value: string])[] =>
  text.split(',').flatMap((member) => {
    const at = member.indexOf('=')
    return at > 0 ? [[member.slice(0, at).trim(), member.slice(at + 1).trim()] as const] : []
  })
