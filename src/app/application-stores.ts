import { StreamsError } from '../core/errors.ts'
import { parseTaskId, type TaskId } from '../core/task-id.ts'
import type { GroupProcess } from '../runtime/assignment/subscription.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import { storeNamesOf, storeSpecOf, type Topology } from '../topology/topology.ts'
import { StoreReader, type StoreReaderParts } from './store-reader.ts'
import { innerKeyOf, storeView, type StoreView } from './store-view.ts'

/** An instance of the application, as the group knows it since the last rebalance. */
export interface Instance {
  /** The same over restarts with the same state directory. */
  readonly processId: string
  /** Where it answers queries, `http://10.0.0.7:8080` for example; undefined: nowhere. */
  readonly server: string | undefined
  readonly isThisOne: boolean
  /** Tasks that it runs. */
  readonly active: readonly TaskId[]
  /** Tasks that it follows, as a standby or to warm up. */
  readonly standby: readonly TaskId[]
}

/** Where a key of a store is (KIP-535). */
export interface KeyMetadata {
  readonly task: TaskId
  readonly partition: number
  /** Who runs its task; undefined while it moves. */
  readonly active: Instance | undefined
  readonly standbys: readonly Instance[]
}

/** The stores of the whole application, from one of its processes. */
export class ApplicationStores {
  readonly reader: StoreReader
  readonly #topology: Topology

  constructor(parts: StoreReaderParts) {
    this.#topology = parts.topology
    this.reader = new StoreReader(parts)
  }

  get specs(): readonly StoreSpec[] {
    return storeNamesOf(this.#topology).flatMap((name) => storeSpecOf(this.#topology, name) ?? [])
  }

  view(name: string): StoreView {
    return storeView(this.#specOf(name), this.reader)
  }

  instances(): readonly Instance[] {
    return (this.reader.group?.members ?? []).map((each) => this.#instance(each))
  }

  /** Of a store of windows the key without its window. */
  metadataFor(store: string, key: unknown): KeyMetadata {
    const spec = this.#specOf(store)
    if (!this.#topology.stores.has(store)) {
      throw new StreamsError('INVALID_CONFIG', {
        message: `store "${store}" is global: every instance has all of its keys`,
        hint: 'Ask any instance.',
      })
    }
    const task = this.reader.taskOf(store, innerKeyOf(spec).serialize(key))
    const instances = this.instances()
    if (task === undefined || instances.length === 0) {
      throw new StreamsError('STORE_UNAVAILABLE', {
        message: `who has the key of store "${store}" is not known here`,
        hint: 'Ask again when the application is running; instances know of each other where they are given addresses (--application-server).',
      })
    }
    return {
      task,
      partition: parseTaskId(task).partition,
      active: instances.find(({ active }) => active.includes(task)),
      standbys: instances.filter(({ standby }) => standby.includes(task)),
    }
  }

  #instance(process: GroupProcess): Instance {
    return { ...process, isThisOne: process.processId === this.reader.processId }
  }

  #specOf(name: string): StoreSpec {
    const spec = storeSpecOf(this.#topology, name)
    if (spec !== undefined) return spec
    throw new StreamsError('STORE_MISSING', {
      message: `the topology has no store "${name}"`,
      hint: `Ask for one of: ${storeNamesOf(this.#topology).join(', ')}.`,
    })
  }
}
