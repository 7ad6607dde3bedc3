import type { Serde } from '../serde.ts'
import type { SchemaRegistry } from './schema-registry.ts'

export type TopicPart = 'key' | 'value'

/**
 * The other half of a serde that has to ask a registry. Who runs a topology opens it once, before
 * the first record, and asks before each record whether it can be read now.
 */
export interface RemoteSerde {
  readonly isOpen: boolean
  /** Learns the id it writes, and checks that the registry takes its schema. Again is no harm. */
  readonly open: (registry: SchemaRegistry) => Promise<void>
  /**
   * Undefined when `deserialize` can decide about these bytes now, else a promise to wait for. It
   * rejects when the registry cannot be asked: then `ready` is to be called again later.
   */
  readonly ready: (bytes: Uint8Array) => Promise<void> | undefined
  /** The same serde for a topic, after which its subject is called unless it was given one. */
  readonly boundTo: (topic: string, part: TopicPart) => Serde<unknown>
}

/** A serde as a topic or store uses it: one that asks a registry goes by the name of the topic. */
export const boundTo = <S extends object>(serde: S, topic: string, part: TopicPart): S => {
  const { remote } = serde as MaybeRemote
  return remote === undefined ? serde : (remote.boundTo(topic, part) as unknown as S)
}

/** Something that may be a serde with another half. */
interface MaybeRemote {
  readonly remote?: RemoteSerde
}

/**
 * The other half of a serde whose bytes hold those of `inner`: `partsOf` finds them, `wrap` makes
 * the same serde around another. Nothing where `inner` asks nobody.
 */
export function remoteAround<T>(
  inner: Serde<T>,
  partsOf: (bytes: Uint8Array) => readonly Uint8Array[],
  wrap: (inner: Serde<T>) => object,
): MaybeRemote {
  const { remote } = inner
  if (remote === undefined) return {}
  return {
    remote: {
      get isOpen() {
        return remote.isOpen
      },
      open: remote.open,
      ready: (bytes) => {
        for (const part of partsOf(bytes)) {
          const waiting = remote.ready(part)
          if (waiting !== undefined) return waiting
        }
        return undefined
      },
      boundTo: (topic, part) =>
        wrap(remote.boundTo(topic, part) as unknown as Serde<T>) as Serde<unknown>,
    },
  }
}
