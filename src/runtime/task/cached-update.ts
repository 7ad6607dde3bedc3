import type { KeyValueStore } from '../../state/store.ts'

const fromCache = Symbol('from the cache')

/**
 * The store, with its failures told apart: an update that leaves the cache and then fails is not
 * the fault of the record that is being processed, and the record that made it is gone by then.
 */
export function announcing<K, V>(store: KeyValueStore<K, V>): KeyValueStore<K, V> {
  return {
    ...store,
    onFlush: (listener) =>
      store.onFlush((key, newValue, oldValue, timestampMs, headers) => {
        try {
          listener(key, newValue, oldValue, timestampMs, headers)
        } catch (error) {
          if (error instanceof Error && !(fromCache in error) && Object.isExtensible(error)) {
            Object.defineProperty(error, fromCache, { value: true })
          }
          throw error
        }
      }),
  }
}

export const isFromCache = (error: unknown): boolean => error instanceof Error && fromCache in error
