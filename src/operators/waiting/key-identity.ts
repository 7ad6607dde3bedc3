import type { Serializer } from '../../serde/serde.ts'

/** What a key is known by in a Map: a text, or null, as it is, anything else by its bytes. */
export const keyIdentity = (key: unknown, serde: Serializer<unknown>): unknown =>
  typeof key === 'string' || key === null
    ? key
    : `\0${Buffer.prototype.latin1Slice.call(serde.serialize(key))}`
