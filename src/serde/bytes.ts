import type { Serde } from './serde.ts'

/** The bytes as they are. Copy them if you keep them beyond the call. */
export const bytes: Serde<Uint8Array> = {
  name: 'bytes',
  serialize: (value) => value,
  deserialize: (value) => value,
}
