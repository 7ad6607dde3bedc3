import { durationMs, type Duration } from '../core/duration.ts'
import type { Meta } from '../core/record.ts'
import {
  dedupe,
  duplicatesOutput,
  seenKeySerde,
  type Deduplication,
  type Identity,
} from '../operators/dedupe.ts'
import { bytes } from '../serde/bytes.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { windowStoreSpec } from '../topology/window-store.ts'
import { addStep, unknownKey, type Flow } from './flow.ts'
import type { Stream } from './stream.ts'

/** What makes two records the same, and for how long that is remembered. */
export interface DedupeOptions<K, V> {
  /** What two records of a key have in common; null or undefined: the record is like no other. */
  readonly by: (value: V, meta: Meta<K>) => Identity | null | undefined
  /** How far apart, in event time, records with the same id are the same. */
  readonly within: Duration
  /** What was seen is kept here: by key and id, for twice that time. */
  readonly store: string
}

/** The first record of each key and id. */
export type Deduped<K, V, S = NonNullable<K>> = Stream<K, V, S> & {
  /** The others. */
  readonly duplicates: Stream<K, V, S>
}

export function dedupeFlow<K, V, S>(
  flowTo: (name: string) => Flow,
  options: DedupeOptions<K, V>,
): Deduped<K, V, S> {
  const { store, by } = options
  if (store === undefined) {
    throw invalidTopology(
      'dedupe has no store',
      "Name the place where it keeps what it has seen: { store: 'seen-payments' }.",
    )
  }
  const withinMs = durationMs(options.within)
  const flow = flowTo(store)
  if (flow.key === undefined) throw unknownKey(`store "${store}"`)
  const settings = { key: seenKeySerde(flow.key), value: bytes, cached: false }
  // A record may be that late, and is compared with what was that long before it.
  const retentionMs = 2 * withinMs + 1
  const windows = { retentionMs, sizeMs: 1, groupMs: Math.max(1, withinMs), duplicates: false }
  flow.graph.addStore(windowStoreSpec(store, settings, windows) as never)
  const idOf = by as Deduplication<unknown, unknown>['idOf']
  const draft: ProcessorDraft = addStep(flow, {
    operator: 'dedupe',
    name: `dedupe(${store})`,
    stores: [store],
    create: (context) => dedupe({ store, withinMs, idOf, outputs: draft.outputs })(context),
  })
  const output = (name: string | undefined): Flow => {
    if (name !== undefined && !draft.outputs.includes(name)) draft.outputs.push(name)
    return { ...flow, from: { node: draft.name, output: name } }
  }
  const first = flow.words.stream<K, V, S>(output(undefined))
  return Object.defineProperty(first, 'duplicates', {
    get: () => flow.words.stream(output(duplicatesOutput)),
  }) as Deduped<K, V, S>
}
