import { existsSync } from 'node:fs'
import { loadTopology } from '../app/load-topology.ts'
import {
  readDeadLetters,
  type DeadLetterFilter,
  type StoredDeadLetter,
} from '../admin/dead-letters.ts'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import type { KafkaPort } from '../kafka/port.ts'
import type { Deserializer, Serde } from '../serde/serde.ts'
import { connectionOptions, type CommandLine, type OptionSpecs } from './command-line.ts'
import { topologyModule } from './topology-module.ts'

/** What `dlq` commands share. */
export const dlqOptions: OptionSpecs = {
  ...connectionOptions,
  topic: { type: 'string', value: 'TOPIC', help: 'only letters whose record came from this topic' },
  error: { type: 'string', value: 'CODE', help: 'only letters with this code or exception' },
  node: { type: 'string', value: 'STEP', help: 'only letters that failed at this step' },
  json: { type: 'boolean', help: 'one JSON object a line' },
}

export interface DlqSource {
  readonly topic: string
  /** How the records of a source topic are read; undefined where only the topic's name is known. */
  readonly serdesOf: (
    topic: string,
  ) => { readonly key: Deserializer<unknown>; readonly value: Deserializer<unknown> } | undefined
}

/** A dead-letter topic by its own name, or the one of a topology module. */
export async function dlqSource(line: CommandLine): Promise<DlqSource> {
  const [name = ''] = line.operands
  if (!/\.[cm]?[jt]s$/.test(name) && !existsSync(name)) {
    return { topic: name, serdesOf: () => undefined }
  }
  const topology = await loadTopology(topologyModule(line))
  if (topology.deadLetters === undefined) {
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `topology "${topology.name}" has no dead-letter topic`,
      hint: "Give it one: `topology(name, { deadLetters: deadLetters('…') }, …)`.",
    })
  }
  const sources = topology.subTopologies.flatMap((each) => each.sources)
  return {
    topic: topology.deadLetters.name,
    serdesOf: (topic) =>
      sources.find(({ topics }) =>
        topics instanceof RegExp ? topics.test(topic) : topics.some((each) => each.name === topic),
      ),
  }
}

/** The letters that the options let through; the work has begun with the first of them. */
export async function* deadLettersIn(
  port: KafkaPort,
  topic: string,
  line: CommandLine,
  began: () => void,
): AsyncGenerator<StoredDeadLetter> {
  for await (const letter of readDeadLetters(port, systemClock, topic, filterFrom(line))) {
    began()
    yield letter
  }
}

function filterFrom(line: CommandLine): DeadLetterFilter {
  const topic = line.text('topic')
  const error = line.text('error')
  const node = line.text('node')
  return {
    ...(topic === undefined ? {} : { topic }),
    ...(error === undefined ? {} : { error }),
    ...(node === undefined ? {} : { node }),
  }
}

/** Bytes as a person reads them: by the topic's serde, else as text, else as hexadecimal. */
export function readable(
  bytes: Uint8Array | null,
  serde: Pick<Serde<unknown>, 'deserialize'> | undefined,
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
