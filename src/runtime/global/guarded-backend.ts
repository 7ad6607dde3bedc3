import type { ByteStore, StateBackend } from '../../state/backend.ts'
import { markFailed, onBehalfOf } from '../task/failed-task.ts'
import type { Place } from '../thread/local-storage.ts'

/** Says where it failed: global stores are read by tasks, which are not to blame for them. */
export const guardedBackend = (backend: StateBackend, place: Place): StateBackend => ({
  store: (name) =>
    guardedStore(
      onBehalfOf(place, () => backend.store(name)),
      place,
    ),
  position: backend.position,
  origin: backend.origin,
  checkpoint: (batches) => onBehalfOf(place, () => backend.checkpoint(batches)),
  wipe: (name) => onBehalfOf(place, () => backend.wipe(name)),
  diskBytes: backend.diskBytes,
  close: backend.close,
})

const guardedStore = (store: ByteStore, place: Place): ByteStore => ({
  get: (key) => onBehalfOf(place, () => store.get(key)),
  range: function* (from, to, direction) {
    try {
      yield* store.range(from, to, direction)
    } catch (error) {
      markFailed(error, place)
      throw error
    }
  },
  approximateCount: () => onBehalfOf(place, () => store.approximateCount()),
})
