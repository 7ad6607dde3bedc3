import { StreamsError } from '../../core/errors.ts'
import type { KeyValueStore, ReadOnlyKeyValueStore } from '../../state/store.ts'
import type {
  GlobalProcessor,
  GlobalProcessorContext,
  GlobalStepContext,
  GlobalStepFactory,
} from '../../topology/global-processor.ts'

/** Has a processor keep a global store: one for each thread, made when the store is opened. */
export const globalProcess =
  <K, V>(makeProcessor: () => GlobalProcessor<K, V>, storeName: string): GlobalStepFactory =>
  (step) => {
    const processor = makeProcessor()
    const context = new GlobalContext(step, storeName)
    processor.init?.(context)
    return {
      process: (key, value, timestampMs, headers) => {
        // A put that names no timestamp has that of the record.
        step.meta.at(key, timestampMs, headers)
        processor.process({ key: key as K, value: value as V, timestampMs, headers }, context)
      },
      close: () => processor.close?.(),
    }
  }

/** Its functions may be taken out of it. */
class GlobalContext implements GlobalProcessorContext {
  readonly #step: GlobalStepContext
  readonly #storeName: string

  constructor(step: GlobalStepContext, storeName: string) {
    this.#step = step
    this.#storeName = storeName
  }

  get wallClockMs(): number {
    return this.#step.wallClockMs()
  }

  get record(): GlobalProcessorContext['record'] {
    const { topic, partition, offset } = this.#step.meta
    return topic === '' ? undefined : { topic, partition, offset }
  }

  readonly store = <K, V>(name: string): KeyValueStore<K, V> => {
    if (name === this.#storeName) return this.#step.store<K, V>(name)
    throw new StreamsError('STORE_MISSING', {
      message: `the processor of global store "${this.#storeName}" asks for store "${name}"`,
      hint: 'It writes its own store only; another global one is read with context.globalStore.',
    })
  }

  readonly globalStore = <K, V>(name: string): ReadOnlyKeyValueStore<K, V> => {
    const store = this.#step.globalStore<K, V>(name)
    if (store !== undefined) return store
    throw new StreamsError('STORE_MISSING', {
      message: `the topology has no global store "${name}", which "${this.#storeName}" asks for`,
      hint: 'Make one with builder.globalTable or builder.addGlobalStore.',
    })
  }
}
