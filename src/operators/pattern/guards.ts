import type { Trial } from './trial.ts'

/** Decides whether a partial match may use an edge for the event that is tried. */
export type Guard = (trial: Trial) => boolean

export const always: Guard = () => true

/** The predicate of that number. */
export const holds =
  (predicate: number): Guard =>
  (trial) =>
    trial.holds(predicate)

export const not =
  (guard: Guard): Guard =>
  (trial) =>
    !guard(trial)

export function both(left: Guard, right: Guard): Guard {
  if (left === always) return right
  if (right === always) return left
  return (trial) => left(trial) && right(trial)
}

/** The event comes soon enough after the one that was taken last. */
export const soonerThan =
  (gapMs: number): Guard =>
  ({ timeMs, previousMs }) =>
    timeMs - previousMs < gapMs
