import { systemClock } from '../core/clock.ts'
import { confluentRegistry } from '../serde/registry/confluent-registry.ts'
import type { Deserializer } from '../serde/serde.ts'
import type { CommandLine } from './command-line.ts'
import { schemaRegistryFrom } from './connection.ts'

export type Decode = (
  bytes: Uint8Array | null,
  serde: Deserializer<unknown> | undefined,
) => Promise<unknown>

/** {@link readable} that asks the schema registry first, where one is named and has to be asked. */
export function decoderOf(line: CommandLine): Decode {
  const connection = schemaRegistryFrom(line)
  const registry = connection && confluentRegistry(connection, systemClock)
  return async (bytes, serde) => {
    const remote = serde?.remote
    if (bytes !== null && remote !== undefined && registry !== undefined) {
      if (!remote.isOpen) await remote.open(registry)
      await remote.ready(bytes)
    }
    return readable(bytes, serde)
  }
}

/** Bytes as a person reads them: by the topic's serde, else as text, else as hexadecimal. */
export function readable(
  bytes: Uint8Array | null,
  serde: Pick<Deserializer<unknown>, 'deserialize'> | undefined,
): unknown {
  if (bytes === null) return null
  try {
    if (serde !== undefined) return serde.deserialize(bytes)
  } catch {
    // That is often why it is a dead letter: show what is there.
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return `0x${Buffer.from(bytes).toString('hex')}`
  }
}

/** A text as it is, anything else as JSON. */
export const asText = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)
