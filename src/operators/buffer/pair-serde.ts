import type { RemoteSerde } from '../../serde/registry/remote-serde.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Buffered } from './buffer.ts'

type Pair = Buffered<unknown, unknown>

const LENGTH_BYTES = 4

/** A key and a value in one; both by serdes that can write null. */
export function pairSerde(key: Serde<unknown>, value: Serde<unknown>): Serde<Pair> {
  const partsOf = (bytes: Uint8Array): readonly [key: Uint8Array, value: Uint8Array] => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const end = LENGTH_BYTES + view.getUint32(0)
    return [bytes.subarray(LENGTH_BYTES, end), bytes.subarray(end)]
  }
  const remote = remotePair(key, value, partsOf)
  return {
    name: `pair(${key.name}, ${value.name})`,
    serialize: (pair) => {
      const keyBytes = key.serialize(pair.key ?? null)
      const length = Buffer.allocUnsafe(LENGTH_BYTES)
      length.writeUInt32BE(keyBytes.length, 0)
      return Buffer.concat([length, keyBytes, value.serialize(pair.value ?? null)])
    },
    deserialize: (bytes) => {
      const [keyBytes, valueBytes] = partsOf(bytes)
      return { key: key.deserialize(keyBytes), value: value.deserialize(valueBytes) }
    },
    ...(remote === undefined ? {} : { remote }),
  }
}

/** Where one of the two asks a registry, both are opened and made ready together. */
function remotePair(
  key: Serde<unknown>,
  value: Serde<unknown>,
  partsOf: (bytes: Uint8Array) => readonly [Uint8Array, Uint8Array],
): RemoteSerde | undefined {
  const remotes = [key.remote, value.remote].filter((each) => each !== undefined)
  if (remotes.length === 0) return undefined
  return {
    get isOpen() {
      return remotes.every((each) => each.isOpen)
    },
    open: async (registry) => {
      for (const each of remotes) await each.open(registry)
    },
    ready: (bytes) => {
      const [keyBytes, valueBytes] = partsOf(bytes)
      return key.remote?.ready(keyBytes) ?? value.remote?.ready(valueBytes)
    },
    boundTo: (topic) =>
      pairSerde(
        key.remote?.boundTo(topic, 'key') ?? key,
        value.remote?.boundTo(topic, 'value') ?? value,
      ) as Serde<unknown>,
  }
}
