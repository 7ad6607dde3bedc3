import { bytes } from '../serde/bytes.ts'
import { boundTo } from '../serde/registry/remote-serde.ts'
import type { Serde } from '../serde/serde.ts'
import { checkKafkaName } from '../topology/names.ts'
import type { Topic } from '../topology/topic.ts'

/**
 * A topic and its serdes. `K` and `V` are what the serdes make; where tombstones are expected, say
 * so: `json<Order | null>()`.
 */
export function topic<K, V>(
  name: string,
  serdes: { readonly key: Serde<K>; readonly value: Serde<V> },
): Topic<K, V> {
  checkKafkaName('a topic', name)
  const key = boundTo(serdes.key, name, 'key')
  return Object.freeze({ name, key, value: boundTo(serdes.value, name, 'value') })
}

/** A topic for records that failed: their bytes as they were read, the reason in the headers. */
export const deadLetters = (name: string): Topic<Uint8Array, Uint8Array> =>
  topic(name, { key: bytes, value: bytes })
