import type { KeyValueStore } from './store.ts'

/** The writes that every kind of store makes out of a get and a put. */
export function derivedWrites<K, V>(
  get: (key: K) => V | undefined,
  put: (key: K, value: V | null) => void,
): Pick<KeyValueStore<K, V>, 'putIfAbsent' | 'putAll' | 'delete'> {
  return {
    putIfAbsent: (key, value) => {
      const old = get(key)
      if (old === undefined) put(key, value)
      return old
    },
    putAll: (entries) => {
      for (const [key, value] of entries) put(key, value)
    },
    delete: (key) => {
      const old = get(key)
      put(key, null)
      return old
    },
  }
}
