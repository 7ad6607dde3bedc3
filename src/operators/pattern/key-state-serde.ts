import { StreamsError } from '../../core/errors.ts'
import { byteString, bytesOf, writeBytes, type ByteString } from '../../state/byte-string.ts'
import { remoteAround } from '../../serde/registry/remote-serde.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Automaton } from './automaton.ts'
import type { KeyState } from './matcher.ts'
import { Held, type PartialMatch, type Taken } from './partial-match.ts'

/** The row of a key. */
export interface KeyRow {
  readonly state: KeyState
  /** Of the timer that is set for the key; Infinity: none is. */
  readonly timerMs: number
  /** False: it was written for another pattern, and says nothing to this one. */
  readonly isCurrent: boolean
}

/*
 * format (1), hash of the pattern (4), timer, time of the last event (8 each), events taken (4),
 * numbers of events, links, partial and waiting matches (4 each), then
 *   an event: order (4), time (8), length (4), bytes;
 *   a link: event, step, link before it (4 each), so that a link comes after the one before it;
 *   a match: state, last link (4 each).
 * A link's number counts from 1; 0: none.
 */
const FORMAT = 1
const HEADER_BYTES = 41
const EVENT_BYTES = 16
const LINK_BYTES = 12
const MATCH_BYTES = 8

export interface KeyStateSerde extends Serde<KeyRow> {
  /** Of the events in a row. */
  readonly events: Serde<unknown>
}

/** How the state of a key is kept; its events are written by the serde of the stream's values. */
export function keyStateSerde(automaton: Automaton, events: Serde<unknown>): KeyStateSerde {
  const encode = (value: unknown): ByteString => byteString(events.serialize(value))
  const decode = (text: ByteString): unknown => events.deserialize(bytesOf(text))
  return {
    name: `pattern(${automaton.hash.toString(16)}, ${events.name})`,
    events,
    ...remoteAround(events, eventParts, (inner) => keyStateSerde(automaton, inner)),
    serialize: (row) => new Writer(encode).row(row, automaton.hash),
    deserialize: (bytes) => readRow(bufferOf(bytes), automaton.hash, decode),
  }
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

class Writer {
  readonly #encode: (value: unknown) => ByteString
  readonly #links = new Map<Taken, number>()
  readonly #events = new Map<Held, number>()
  #eventBytes = 0

  constructor(encode: (value: unknown) => ByteString) {
    this.#encode = encode
  }

  row({ state, timerMs }: KeyRow, hash: number): Uint8Array {
    const { partials, waiting, taken, timeMs } = state
    for (const { last } of partials) this.#add(last)
    for (const { last } of waiting) this.#add(last)
    const bytes = Buffer.allocUnsafe(
      HEADER_BYTES +
        this.#eventBytes +
        this.#links.size * LINK_BYTES +
        (partials.length + waiting.length) * MATCH_BYTES,
    )
    let at = bytes.writeUInt8(FORMAT, 0)
    at = bytes.writeUInt32BE(hash, at)
    at = bytes.writeDoubleBE(timerMs, at)
    at = bytes.writeDoubleBE(timeMs, at)
    at = bytes.writeUInt32BE(taken, at)
    at = bytes.writeUInt32BE(this.#events.size, at)
    at = bytes.writeUInt32BE(this.#links.size, at)
    at = bytes.writeUInt32BE(partials.length, at)
    at = bytes.writeUInt32BE(waiting.length, at)
    for (const event of this.#events.keys()) {
      const text = event.text(this.#encode)
      at = bytes.writeUInt32BE(event.order, at)
      at = bytes.writeDoubleBE(event.timeMs, at)
      at = bytes.writeUInt32BE(text.length, at)
      at = writeBytes(text, bytes, at)
    }
    for (const { event, step, before } of this.#links.keys()) {
      at = bytes.writeUInt32BE(this.#events.get(event) as number, at)
      at = bytes.writeUInt32BE(step, at)
      at = bytes.writeUInt32BE(this.#link(before), at)
    }
    at = this.#writeMatches(bytes, at, partials)
    this.#writeMatches(bytes, at, waiting)
    return bytes
  }

  #writeMatches(bytes: Buffer, start: number, matches: readonly PartialMatch[]): number {
    let at = start
    for (const { state, last } of matches) {
      at = bytes.writeUInt32BE(state, at)
      at = bytes.writeUInt32BE(this.#link(last), at)
    }
    return at
  }

  #link(taken: Taken | undefined): number {
    return taken === undefined ? 0 : (this.#links.get(taken) as number)
  }

  #add(last: Taken | undefined): void {
    const path: Taken[] = []
    for (let taken = last; taken !== undefined && !this.#links.has(taken); taken = taken.before) {
      path.push(taken)
    }
    for (const taken of path.reverse()) {
      this.#links.set(taken, this.#links.size + 1)
      const { event } = taken
      if (this.#events.has(event)) continue
      this.#events.set(event, this.#events.size)
      this.#eventBytes += EVENT_BYTES + event.text(this.#encode).length
    }
  }
}

function readRow(bytes: Buffer, hash: number, decode: (text: ByteString) => unknown): KeyRow {
  checkFormat(bytes)
  const timerMs = bytes.readDoubleBE(5)
  const timeMs = bytes.readDoubleBE(13)
  const taken = bytes.readUInt32BE(21)
  if (bytes.readUInt32BE(1) !== hash) {
    return { state: { partials: [], waiting: [], taken, timeMs }, timerMs, isCurrent: false }
  }
  const places = eventPlaces(bytes)
  const events = places.map(({ at, start, end }) =>
    Held.ofText(
      bytes.readUInt32BE(at),
      bytes.readDoubleBE(at + 4),
      byteString(bytes.subarray(start, end)),
      decode,
    ),
  )
  let at = places.at(-1)?.end ?? HEADER_BYTES
  const links: (Taken | undefined)[] = [undefined]
  for (let left = bytes.readUInt32BE(29); left > 0; left--) {
    const event = events[bytes.readUInt32BE(at)] as Held
    const before = links[bytes.readUInt32BE(at + 8)]
    const step = bytes.readUInt32BE(at + 4)
    links.push({ event, step, before, first: before?.first ?? event })
    at += LINK_BYTES
  }
  const matches = (count: number): PartialMatch[] =>
    Array.from({ length: count }, () => {
      const match = { state: bytes.readUInt32BE(at), last: links[bytes.readUInt32BE(at + 4)] }
      at += MATCH_BYTES
      return match
    })
  const partials = matches(bytes.readUInt32BE(33))
  const waiting = matches(bytes.readUInt32BE(37))
  return { state: { partials, waiting, taken, timeMs }, timerMs, isCurrent: true }
}

interface EventPlace {
  readonly at: number
  /** Of its bytes. */
  readonly start: number
  readonly end: number
}

function eventPlaces(bytes: Buffer): readonly EventPlace[] {
  const places: EventPlace[] = []
  let at = HEADER_BYTES
  for (let left = bytes.readUInt32BE(25); left > 0; left--) {
    const start = at + EVENT_BYTES
    const end = start + bytes.readUInt32BE(at + 12)
    places.push({ at, start, end })
    at = end
  }
  return places
}

function eventParts(row: Uint8Array): readonly Uint8Array[] {
  const bytes = bufferOf(row)
  checkFormat(bytes)
  return eventPlaces(bytes).map(({ start, end }) => bytes.subarray(start, end))
}

function checkFormat(bytes: Buffer): void {
  if (bytes.length >= HEADER_BYTES && bytes.readUInt8(0) === FORMAT) return
  throw new StreamsError('SERDE_FAILED', {
    message: `${bytes.length} bytes are no state of a pattern`,
    hint: 'Give the pattern a name that no other store has had, or reset the application.',
  })
}
