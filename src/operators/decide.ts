import type { Meta } from '../core/record.ts'
import type { Serde } from '../serde/serde.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { tableStore } from './table-store.ts'

const rejectedMarker: unique symbol = Symbol.for('millrace.Rejected')

/** What {@link reject} makes: the command is refused, the state stays as it is. */
export interface Rejected<out Reason> {
  readonly [rejectedMarker]: true
  readonly reason: Reason
}

/** For a decider to return instead of events. */
export const reject = <const Reason>(reason: Reason): Rejected<Reason> => ({
  [rejectedMarker]: true,
  reason,
})

/** A refused command and why. */
export interface Rejection<out Command, out Reason> {
  readonly command: Command
  readonly reason: Reason
}

/**
 * The rules of one kind of entity, as pure functions (the Decider pattern). Both are run again when
 * a command is processed again, so they must not read the clock, draw lots or call out:
 * `meta.timestampMs` is the time. What they are given is shared: return new values.
 */
export interface Decider<in Command, State, Event, Reason = never, in Key = unknown> {
  /** The state of an entity that nothing has happened to. */
  readonly initialState: State
  /** The events that the command leads to: one, several, none (`[]`), or a refusal. */
  readonly decide: (
    command: Command,
    state: State,
    meta: Meta<Key>,
  ) => Event | readonly Event[] | Rejected<Reason>
  /** The state after an event. Null forgets the entity. */
  readonly evolve: (state: State, event: Event) => State
  /** How the state is kept; JSON where none is given. */
  readonly state?: Serde<State>
}

export const rejectedOutput = 'rejected'
export const statesOutput = 'states'

/**
 * Decides each command against the state of its key. All events are decided and applied before the
 * state is put and the first event is forwarded, so that a decider which throws changes nothing.
 */
export const decide =
  <K, C, S, E, R>(
    storeName: string,
    decider: Decider<C, S, E, R, K>,
    /** Read when a task starts: which of the two other outputs somebody reads. */
    outputs: readonly string[],
  ): OperatorFactory =>
  (context) => {
    const { emit, emitTo, meta, recordDropped } = context
    const emitRejected = outputs.includes(rejectedOutput) ? emitTo(rejectedOutput) : undefined
    const states = outputs.includes(statesOutput)
      ? tableStore<K, S>(context, storeName, emitTo(statesOutput))
      : undefined
    const rows = states?.rows ?? context.store<K, S>(storeName)
    return {
      process: (key, value, timestampMs, headers) => {
        if (key === null || key === undefined || value === null || value === undefined) {
          recordDropped('null key or value in a decision')
          return
        }
        const old = rows.getWithTimestamp(key as K)
        const before = old === undefined ? decider.initialState : old.value
        const recordMeta = meta.at(key, timestampMs, headers) as Meta<K>
        const outcome = decider.decide(value as C, before, recordMeta)
        if (isRejected(outcome)) {
          const rejection = { command: value, reason: outcome.reason }
          emitRejected?.(key, rejection, timestampMs, headers)
          return
        }
        const events = Array.isArray(outcome) ? (outcome as readonly E[]) : [outcome as E]
        if (events.length === 0) return
        const after = events.reduce<S>((state, event) => decider.evolve(state, event), before)
        const stateMs = old === undefined ? timestampMs : Math.max(old.timestampMs, timestampMs)
        rows.put(key as K, after, stateMs)
        try {
          for (const event of events) emit(key, event, timestampMs, headers)
        } catch (error) {
          // An event that cannot go on did not happen: the command may be set aside and sent again.
          rows.put(key as K, old?.value ?? null, old?.timestampMs ?? stateMs)
          throw error
        }
        states?.announce(key as K, after, old === undefined ? null : old.value, stateMs, headers)
      },
    }
  }

/** For whoever runs a decider without a topology, as a test does. */
export const isRejected = <R>(outcome: unknown): outcome is Rejected<R> =>
  typeof outcome === 'object' && outcome !== null && rejectedMarker in outcome
