/** Stores that a topology declares for its processors. */
export { keyValueStore, type KeyValueStoreOptions } from './key-value-store.ts'
export { timerStore, type TimerStoreSpecFor } from './timer-store.ts'
export { sessionStore, windowStore } from './window-store.ts'
export { versionedStore, type VersionedStoreOptions } from './versioned-store.ts'
