import type { Place } from '../thread/local-storage.ts'

const failedPlace = Symbol('failed place')

/** Runs what belongs to one task, or to the global stores, and says so in the error if it fails. */
export function onBehalfOf<T>(place: Place, work: () => T): T {
  try {
    return work()
  } catch (error) {
    markFailed(error, place)
    throw error
  }
}

/** The innermost place is what counts. */
export function markFailed(error: unknown, place: Place): void {
  if (error instanceof Error && !(failedPlace in error) && Object.isExtensible(error)) {
    Object.defineProperty(error, failedPlace, { value: place })
  }
}

/** What a failure happened in; undefined where it was nothing in particular. */
export const placeOfFailure = (error: unknown): Place | undefined =>
  error instanceof Error && failedPlace in error ? (error[failedPlace] as Place) : undefined
