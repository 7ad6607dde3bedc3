import type { StateBackend } from '../../state/backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { KeyValueStore } from '../../state/store.ts'
import { GlobalStore, type GlobalStoreOptions } from './global-store.ts'

export interface GlobalStoresOptions extends Omit<GlobalStoreOptions, 'globalStore'> {
  /** The local storage of that kind, opened on first use. */
  readonly backend: (kind: StoreSpec['backend']) => StateBackend
}

/** Every global store of a topology, opened for one thread. */
export class GlobalStores {
  readonly #stores = new Map<string, GlobalStore>()

  constructor(options: GlobalStoresOptions) {
    for (const part of options.topology.globals) {
      const backend = options.backend(part.store.backend)
      const store = new GlobalStore(part, backend, { ...options, globalStore: this.view })
      this.#stores.set(store.name, store)
    }
    // Not before all are there: a processor may ask for the other ones when it is made.
    for (const store of this.all) store.start()
  }

  get all(): readonly GlobalStore[] {
    return [...this.#stores.values()]
  }

  find(name: string): GlobalStore | undefined {
    return this.#stores.get(name)
  }

  /** To be read only; undefined where there is none of that name. */
  readonly view = <K, V>(name: string): KeyValueStore<K, V> | undefined =>
    this.#stores.get(name)?.view as KeyValueStore<K, V> | undefined

  /** Applies what has arrived, at most so many records a partition; returns how many it was. */
  apply(recordsMax: number): number {
    let applied = 0
    for (const store of this.#stores.values()) applied += store.apply(recordsMax)
    return applied
  }

  dirtyBytes(): number {
    let bytes = 0
    for (const store of this.#stores.values()) bytes += store.dirtyBytes()
    return bytes
  }

  /** See {@link GlobalStore.persist}. */
  persist(): void {
    for (const store of this.#stores.values()) store.persist()
  }

  /** Drops what is in memory, also when a processor fails to close, which is thrown. */
  close(): void {
    const failures: unknown[] = []
    for (const store of this.#stores.values()) {
      try {
        store.close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
