import type { Meta } from '../core/record.ts'
import type { SinkNode, SinkTarget } from '../topology/graph.ts'
import type { SinkTopic } from '../topology/topic.ts'
import type { Serializer } from '../serde/serde.ts'

type Target<K, V> = SinkTopic<K, V> | ((value: V, meta: Meta<K>) => SinkTopic<K, V>)

/**
 * What a sink node writes to. A topic that a function chooses again and again is looked up once.
 */
export function sinkTarget<K, V>(target: Target<K, V>): SinkNode['target'] {
  if (typeof target !== 'function') return targetOf(target)
  const known = new WeakMap<SinkTopic<K, V>, SinkTarget>()
  return (value, meta) => {
    const topic = target(value as V, meta as Meta<K>)
    let found = known.get(topic)
    if (found === undefined) {
      found = targetOf(topic)
      known.set(topic, found)
    }
    return found
  }
}

const targetOf = <K, V>({ name, key, value }: SinkTopic<K, V>): SinkTarget => ({
  topic: { name, internal: false },
  key: key as Serializer<unknown>,
  value: value as Serializer<unknown>,
})
