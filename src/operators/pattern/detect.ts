import { StreamsError } from '../../core/errors.ts'
import { noHeaders, type Headers, type RawRecord } from '../../core/record.ts'
import type { Serializer } from '../../serde/serde.ts'
import type { KeyValueStore } from '../../state/store.ts'
import type { Emit, OperatorContext, OperatorFactory } from '../../topology/processor.ts'
import { firstTime, nowhere, release, type ResultBytes } from '../waiting/released.ts'
import { idleClose } from '../window/idle-close.ts'
import type { Automaton } from './automaton.ts'
import { DueQueue } from './due-queue.ts'
import type { KeyRow } from './key-state-serde.ts'
import { Matcher, type KeyState } from './matcher.ts'
import { owned } from './partial-match.ts'
import { copied, type Course, type TimeRow, type Timer, type WaitingEvent } from './time-rows.ts'

export const timedOutOutput = 'timed-out'
export const lateOutput = 'late'

export interface Detection {
  readonly automaton: Automaton
  /** Of the keys' states. */
  readonly states: string
  /** Of what is found by time. */
  readonly times: string
  readonly key: Serializer<unknown>
  /** Undefined: events are taken as they come; else by time, and no event comes later than that. */
  readonly outOfOrdernessMs: number | undefined
  /** Undefined: only records move time. */
  readonly idleCloseMs: number | undefined
  /**
   * Time-outs come where Flink has a timer for them, not wherever they are due: where a match began
   * after that time. Undefined: wherever they are due.
   */
  readonly flinkTimersAfterMs: number | undefined
  /** Of a key; an event that makes it more fails. */
  readonly partialMatchesMax: number
  /** What becomes of partial matches of another version of the pattern. */
  readonly onEdit: 'refuse' | 'start-over'
  /** Read when a task starts: which of the two other outputs somebody reads. */
  readonly outputs: readonly string[]
}

const COURSE_PLACE = Buffer.of(0)
const EVENTS = 1
const TIMERS = 2
const SEQUENCE_BYTES = 6

/**
 * Finds a pattern in the events of each key. Time is the largest timestamp of the records that came
 * here, whatever their key, less the out-of-orderness: what is due by then happens. A record
 * without a value is no event, but moves time.
 */
export const detect =
  (detection: Detection): OperatorFactory =>
  (context) => {
    const step = new DetectStep(detection, context)
    return { process: step.process, beforeCommit: step.saveCourse }
  }

class DetectStep {
  readonly #settings: Detection
  readonly #context: OperatorContext
  readonly #matcher: Matcher
  readonly #states: KeyValueStore<unknown, KeyRow>
  readonly #times: KeyValueStore<Uint8Array, TimeRow>
  readonly #events: DueQueue<WaitingEvent>
  readonly #timers: DueQueue<Timer>
  readonly #emitTimedOut: Emit | undefined
  readonly #emitLate: Emit | undefined
  #course: Course
  #isSaved = true
  readonly #heard: () => void
  /** With Flink's timers: keys of which events were processed, and whether a match began there. */
  readonly #touched = new Map<string, { readonly key: unknown; hasBegun: boolean }>()

  constructor(settings: Detection, context: OperatorContext) {
    this.#settings = settings
    this.#context = context
    this.#matcher = new Matcher(settings.automaton)
    this.#states = context.store<unknown, KeyRow>(settings.states)
    this.#times = context.store<Uint8Array, TimeRow>(settings.times)
    const times: unknown = this.#times
    const stamp = (): number => this.#stampMs()
    this.#events = new DueQueue(times as KeyValueStore<Uint8Array, WaitingEvent>, EVENTS, stamp)
    this.#timers = new DueQueue(times as KeyValueStore<Uint8Array, Timer>, TIMERS, stamp)
    const { outputs, idleCloseMs } = settings
    this.#emitTimedOut = outputs.includes(timedOutOutput)
      ? context.emitTo(timedOutOutput)
      : undefined
    this.#emitLate = outputs.includes(lateOutput) ? context.emitTo(lateOutput) : undefined
    this.#course = this.#savedCourse()
    this.#heard = idleClose(context, this.#course, idleCloseMs, (timeMs) => this.#idle(timeMs))
  }

  readonly process: Emit = (key, value, timestampMs, headers) => {
    const { outOfOrdernessMs } = this.#settings
    if (key === null || key === undefined) {
      this.#context.recordDropped('null key in a pattern')
      return
    }
    this.#heard()
    const course = this.#course
    this.#isSaved = false
    if (timestampMs > course.streamTimeMs) course.streamTimeMs = timestampMs
    const isEvent = value !== null && value !== undefined
    if (outOfOrdernessMs === undefined) {
      if (isEvent) this.#take(key, value, timestampMs, headers)
      this.#moveTo(this.#closeMs(course.streamTimeMs))
      return
    }
    if (isEvent) {
      if (timestampMs > course.closedMs) this.#wait(key, value, timestampMs, headers)
      else {
        this.#context.recordDropped('late event of a pattern', 'late')
        this.#emitLate?.(key, value, timestampMs, headers)
      }
    }
    this.#moveTo(this.#closeMs(course.streamTimeMs))
  }

  /** Up to when all events have come. One of that very time may still come, as in Flink. */
  #closeMs(streamTimeMs: number): number {
    const { outOfOrdernessMs } = this.#settings
    return outOfOrdernessMs === undefined ? streamTimeMs : streamTimeMs - outOfOrdernessMs - 1
  }

  /** Before a commit: stream time must not go back after a restart. */
  readonly saveCourse = (): void => {
    if (this.#isSaved) return
    this.#isSaved = true
    this.#times.put(COURSE_PLACE, { ...this.#course }, this.#stampMs())
  }

  #savedCourse(): Course {
    const { automaton, onEdit } = this.#settings
    const { name, hash } = automaton
    const saved = this.#times.get(COURSE_PLACE) as Course | undefined
    if (saved === undefined) {
      const never = { streamTimeMs: -1, closedMs: -Infinity, heardMs: -1, isIdle: false }
      return { kind: 'course', hash, sequence: 0, ...never }
    }
    if (saved.hash !== hash && onEdit === 'refuse' && this.#states.all().next().done !== true) {
      throw new StreamsError('INVALID_TOPOLOGY', {
        message: `pattern "${name}" was changed, and its store has partial matches of what it was`,
        hint: "Give the new pattern another name, or let it start over: detect(pattern, { onEdit: 'start-over' }).",
      })
    }
    return { ...saved, hash }
  }

  #wait(key: unknown, value: unknown, timestampMs: number, headersOf: Headers): void {
    const course = this.#course
    course.sequence += 1
    const tie = Buffer.allocUnsafe(SEQUENCE_BYTES)
    tie.writeUIntBE(course.sequence, 0, SEQUENCE_BYTES)
    const sources = this.#context.sources().map(ownedRecord)
    const headers = headersOf.map(ownedHeader)
    this.#events.add(timestampMs, tie, {
      kind: 'event',
      key: owned(key),
      value: owned(value),
      headers,
      sources,
    })
  }

  /** All events up to then have come: processes those that waited, then what is due. */
  #moveTo(timeMs: number): void {
    const course = this.#course
    if (timeMs > course.closedMs) course.closedMs = timeMs
    const nowMs = course.closedMs
    if (this.#settings.outOfOrdernessMs !== undefined) this.#release(nowMs)
    if (this.#timers.nextMs() <= nowMs) this.#fire(nowMs)
  }

  #release(nowMs: number): void {
    for (let next = this.#events.shift(nowMs); next; next = this.#events.shift(nowMs)) {
      const { row, timeMs } = next
      this.#resume(row, timeMs, () => this.#take(row.key, row.value, timeMs, row.headers))
    }
    if (this.#touched.size === 0) return
    const touched = [...this.#touched.values()]
    this.#touched.clear()
    for (const { key } of touched) {
      this.#resumeKey(key, nowMs, () => this.#advance(key, nowMs))
    }
  }

  #fire(nowMs: number): void {
    for (let next = this.#timers.shift(nowMs); next; next = this.#timers.shift(nowMs)) {
      const { key } = next.row
      const { timeMs } = next
      this.#resumeKey(key, nowMs, () => this.#advance(key, nowMs, timeMs))
    }
  }

  /** What fails is not the record at hand: the topology's policy is asked about what it is. */
  #resume(event: WaitingEvent, timeMs: number, work: () => void): void {
    const { sources } = event
    const at = sources.at(-1)
    if (at === undefined) this.#resumeKey(event.key, timeMs, work)
    else this.#context.resume({ ...firstTime, records: () => sources, at }, work)
  }

  /** Where time is what brings something about, the key alone can be set aside. */
  #resumeKey(key: unknown, timestampMs: number, work: () => void): void {
    const bytes = (): ResultBytes => ({
      key: this.#settings.key.serialize(key),
      value: null,
      timestampMs,
      headers: noHeaders,
    })
    release(this.#context, nowhere, bytes, work)
  }

  /** Stream time has gone on without records; true where something was due. */
  #idle(streamTimeMs: number): boolean {
    const nowMs = this.#closeMs(streamTimeMs)
    if (this.#events.nextMs() > nowMs && this.#timers.nextMs() > nowMs) return false
    this.#isSaved = false
    this.#moveTo(nowMs)
    return true
  }

  /** Processes an event, the next one of its key. */
  #take(key: unknown, value: unknown, timestampMs: number, headers: Headers): void {
    const matcher = this.#matcher
    const row = this.#row(key)
    const before = row?.state ?? matcher.nothing
    // As they come: then time stands still for an event that is older than the one before.
    const isSorted = this.#settings.outOfOrdernessMs !== undefined
    const timeMs = isSorted ? timestampMs : Math.max(timestampMs, before.timeMs)
    this.#clearOutcome()
    const after = matcher.process(matcher.advance(before, timeMs), value, timeMs)
    if (after !== before) {
      this.#checkSize(after)
      this.#keep(key, row, after)
    }
    const { flinkTimersAfterMs } = this.#settings
    if (flinkTimersAfterMs !== undefined) this.#touch(key, timeMs, flinkTimersAfterMs)
    try {
      this.#emit(key, timeMs, headers)
    } catch (error) {
      // An event that cannot go on did not happen: it may be set aside and sent again.
      if (after !== before) this.#restore(key, row)
      throw error
    }
  }

  /** Times out what is due at the key. `timerMs`: of the timer that says so. */
  #advance(key: unknown, nowMs: number, timerMs = Infinity): void {
    const row = this.#row(key)
    if (row === undefined) return
    this.#clearOutcome()
    const isFlink = this.#settings.flinkTimersAfterMs !== undefined
    if (!isFlink && row.timerMs !== timerMs) return
    const after = this.#matcher.advance(row.state, nowMs)
    const isSpent = timerMs !== Infinity && !isFlink
    if (isSpent) this.#keep(key, { ...row, timerMs: Infinity }, after)
    else if (after !== row.state) this.#keep(key, row, after)
    this.#emit(key, nowMs, noHeaders)
  }

  #row(key: unknown): KeyRow | undefined {
    const row = this.#states.get(key)
    if (row === undefined || row.isCurrent) return row
    this.#states.put(key, null, this.#stampMs())
    return undefined
  }

  #checkSize({ partials, waiting }: KeyState): void {
    const { automaton, partialMatchesMax } = this.#settings
    // One of them is the start state.
    if (partials.length - 1 + waiting.length <= partialMatchesMax) return
    throw new StreamsError('PROCESSING_FAILED', {
      message: `a key has more than ${partialMatchesMax} partial matches of pattern "${automaton.name}"`,
      hint: 'Limit the pattern: a shorter within, until, a skip strategy, next in place of followedByAny. Or raise partialMatchesMax.',
    })
  }

  #keep(key: unknown, before: KeyRow | undefined, state: KeyState): void {
    let timerMs = before?.timerMs ?? Infinity
    if (this.#matcher.isNothing(state)) {
      if (before !== undefined) this.#states.put(key, null, this.#stampMs())
      if (timerMs < Infinity) this.#timers.remove(timerMs, this.#settings.key.serialize(key))
      return
    }
    const isFlink = this.#settings.flinkTimersAfterMs !== undefined
    const dueMs = isFlink ? Infinity : this.#matcher.dueMs(state)
    if (dueMs < timerMs) {
      const tie = this.#settings.key.serialize(key)
      if (timerMs < Infinity) this.#timers.remove(timerMs, tie)
      this.#timers.add(dueMs, tie, { kind: 'timer', key: owned(key) })
      timerMs = dueMs
    }
    this.#states.put(key, { state, timerMs, isCurrent: true }, this.#stampMs())
  }

  /**
   * Flink sets a timer for the end of the window of each match that begins after time 0, and until
   * the key's state is written also for each event that follows.
   */
  #touch(key: unknown, timeMs: number, zeroMs: number): void {
    const { automaton } = this.#settings
    const tie = this.#settings.key.serialize(key)
    const text = Buffer.from(tie).toString('latin1')
    const touched = this.#touched.get(text) ?? { key, hasBegun: false }
    this.#touched.set(text, touched)
    if (this.#matcher.hasBegun && timeMs > zeroMs) touched.hasBegun = true
    if (touched.hasBegun && automaton.withinMs > 0) {
      this.#timers.add(timeMs + automaton.withinMs, tie, { kind: 'timer', key: owned(key) })
    }
  }

  /** Of a row: when it was put, in stream time. */
  #stampMs(): number {
    return Math.max(0, this.#course.streamTimeMs)
  }

  #clearOutcome(): void {
    const { matches, timedOut } = this.#matcher.outcome
    matches.length = 0
    timedOut.length = 0
  }

  /** Sends on what has come out. */
  #emit(key: unknown, timeMs: number, headers: Headers): void {
    const matcher = this.#matcher
    const { outcome } = matcher
    if (outcome.matches.length === 0 && outcome.timedOut.length === 0) return
    // A copy: a step further on may lead back here through a cache that gives way.
    const matches = [...outcome.matches]
    const timedOut = [...outcome.timedOut]
    for (const last of matches) this.#context.emit(key, matcher.events(last), timeMs, headers)
    if (this.#emitTimedOut === undefined) return
    for (const each of timedOut) {
      this.#emitTimedOut(key, matcher.events(each.last), each.timeMs, headers)
    }
  }

  #restore(key: unknown, row: KeyRow | undefined): void {
    this.#states.put(key, row ?? null, this.#stampMs())
    if (row === undefined || row.timerMs === Infinity) return
    const tie = this.#settings.key.serialize(key)
    this.#timers.add(row.timerMs, tie, { kind: 'timer', key: owned(key) })
  }
}

const ownedHeader = ([name, value]: Headers[number]): Headers[number] => [name, copied(value)]

const ownedRecord = (record: RawRecord): RawRecord => ({
  ...record,
  key: copied(record.key),
  value: copied(record.value),
  headers: record.headers.map(ownedHeader),
})
