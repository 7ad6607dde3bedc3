import type { Offset } from '../../core/record.ts'
import type { ByteStore, StateBackend } from '../backend.ts'
import { byteString, bytesOf, type ByteString } from '../byte-string.ts'
import { OrderedByteMap } from './ordered-byte-map.ts'

type Entries = OrderedByteMap<ByteString>

/** State on the heap: gone with the process, rebuilt from the changelog. */
export function memoryBackend(): StateBackend {
  const stores = new Map<string, Entries>()
  const positions = new Map<string, Offset>()
  const origins = new Map<string, string>()
  const entriesOf = (store: string): Entries => {
    let entries = stores.get(store)
    if (entries === undefined) {
      entries = new OrderedByteMap()
      stores.set(store, entries)
    }
    return entries
  }
  return {
    store: (name) => byteStore(entriesOf(name)),
    position: (store) => positions.get(store),
    origin: (store) => origins.get(store),
    checkpoint: (batches) => {
      for (const batch of batches) {
        const entries = entriesOf(batch.store)
        for (const [key, value] of batch.entries) {
          if (value === null) entries.delete(byteString(key))
          else entries.set(byteString(key), byteString(value))
        }
        positions.set(batch.store, batch.position)
        if (batch.origin !== undefined) origins.set(batch.store, batch.origin)
      }
    },
    wipe: (store) => {
      stores.get(store)?.clear()
      positions.delete(store)
      origins.delete(store)
    },
    diskBytes: () => 0,
    close: () => {
      for (const entries of stores.values()) entries.clear()
      positions.clear()
      origins.clear()
      return Promise.resolve()
    },
  }
}

function byteStore(entries: Entries): ByteStore {
  return {
    get: (key) => {
      const value = entries.get(byteString(key))
      return value === undefined ? undefined : bytesOf(value)
    },
    range: function* (from, to, direction) {
      const first = from === null ? null : byteString(from)
      const end = to === null ? null : byteString(to)
      for (const [key, value] of entries.entries(first, end, direction)) {
        yield [bytesOf(key), bytesOf(value)] as const
      }
    },
    approximateCount: () => entries.size,
  }
}
