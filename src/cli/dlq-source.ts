import { existsSync } from 'node:fs'
import { loadTopology } from '../app/load-topology.ts'
import {
  readDeadLetters,
  type DeadLetterFilter,
  type StoredDeadLetter,
} from '../admin/dead-letters.ts'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { readRedriven, redriveGroup } from '../admin/redrive/redrive-progress.ts'
import type { KafkaPort } from '../kafka/port.ts'
import { topicName } from '../topology/graph.ts'
import type { Topology } from '../topology/topology.ts'
import { connectionOptions, type CommandLine, type OptionSpecs } from './command-line.ts'
import { asText, decoderOf, readable } from './decoder.ts'
import { topologyModule } from './topology-module.ts'
import { whereFrom } from './where.ts'

/** How `dlq` commands are told which letters are meant. */
export const filterOptions: OptionSpecs = {
  topic: { type: 'string', value: 'TOPIC', help: 'only letters whose record came from this topic' },
  error: { type: 'string', value: 'CODE', help: 'only letters with this code or exception' },
  node: { type: 'string', value: 'STEP', help: 'only letters that failed at this step' },
  key: { type: 'string', value: 'TEXT', help: 'only letters whose key reads so' },
  header: { type: 'string', value: 'NAME[=TEXT]', help: 'only letters with this header' },
  where: {
    type: 'string',
    value: 'JS',
    help: 'only letters of which an expression, or a module, says true',
  },
}

/** What `dlq` commands that look share. */
export const dlqOptions: OptionSpecs = {
  ...connectionOptions,
  ...filterOptions,
  pending: { type: 'boolean', help: 'only letters that `dlq redrive` has not sent yet' },
  json: { type: 'boolean', help: 'one JSON object a line' },
}

export interface DlqSource {
  readonly topic: string
  /**
   * Key and value as a person reads them: by the serdes of the topic that the record came from,
   * else as text, else as hexadecimal.
   */
  readonly decode: (
    letter: Pick<StoredDeadLetter, 'topic' | 'key' | 'value'>,
  ) => Promise<{ readonly key: unknown; readonly value: unknown }>
}

/** A dead-letter topic by its own name, or the one of a topology module. */
export async function dlqSource(line: CommandLine): Promise<DlqSource> {
  const [name = ''] = line.operands
  if (!/\.[cm]?[jt]s$/.test(name) && !existsSync(name)) {
    const decode: DlqSource['decode'] = ({ key, value }) =>
      Promise.resolve({ key: readable(key, undefined), value: readable(value, undefined) })
    return { topic: name, decode }
  }
  const topology = await loadTopology(topologyModule(line))
  if (topology.deadLetters === undefined) {
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `topology "${topology.name}" has no dead-letter topic`,
      hint: "Give it one: `topology(name, { deadLetters: deadLetters('…') }, …)`.",
    })
  }
  const decode = decoderOf(line)
  return {
    topic: topology.deadLetters.name,
    decode: async ({ topic, key, value }) => {
      const source = sourceOf(topology, topic)
      return { key: await decode(key, source?.key), value: await decode(value, source?.value) }
    },
  }
}

/** Who reads a topic, by its name in Kafka. */
function sourceOf({ name, subTopologies, globals }: Topology, topic: string) {
  const sources = [...subTopologies, ...globals].flatMap((each) => each.sources)
  return sources.find(({ topics }) =>
    topics instanceof RegExp
      ? topic.search(topics) >= 0
      : topics.some((each) => topicName(each, name) === topic),
  )
}

/** The letters that the options let through; the work has begun with the first of them. */
export async function* deadLettersIn(
  port: KafkaPort,
  source: DlqSource,
  line: CommandLine,
  began: () => void,
): AsyncGenerator<StoredDeadLetter> {
  const filter = await filterFrom(line, source)
  const isPending = line.flag('pending') ? await pendingIn(port, source.topic) : () => true
  for await (const letter of readDeadLetters(port, systemClock, source.topic, filter)) {
    began()
    if (isPending(letter)) yield letter
  }
}

async function pendingIn(
  port: KafkaPort,
  topic: string,
): Promise<(letter: StoredDeadLetter) => boolean> {
  const partitions = (await port.metadata([topic])).get(topic)?.partitions.map(({ id }) => id)
  const group = redriveGroup(topic, undefined)
  const redriven = await readRedriven(port, systemClock, topic, partitions ?? [], group)
  return ({ at }) => redriven.get(at.partition)?.has(at.offset) !== true
}

export async function filterFrom(line: CommandLine, source: DlqSource): Promise<DeadLetterFilter> {
  const [topic, error, node] = [line.text('topic'), line.text('error'), line.text('node')]
  const header = line.text('header')
  const where = await predicateFrom(line, source)
  return {
    ...(topic === undefined ? {} : { topic }),
    ...(error === undefined ? {} : { error }),
    ...(node === undefined ? {} : { node }),
    ...(header === undefined ? {} : { header: headerFrom(header) }),
    ...(where === undefined ? {} : { where }),
  }
}

function headerFrom(text: string): { readonly name: string; readonly value?: string } {
  const equals = text.indexOf('=')
  if (equals < 0) return { name: text }
  return { name: text.slice(0, equals), value: text.slice(equals + 1) }
}

/** Of `--key` and `--where`, which look at what is decoded. */
async function predicateFrom(
  line: CommandLine,
  source: DlqSource,
): Promise<DeadLetterFilter['where']> {
  const key = line.text('key')
  const where = line.text('where')
  if (key === undefined && where === undefined) return undefined
  const isMeant = where === undefined ? () => true : await whereFrom(where)
  return async (letter) => {
    const decoded = await source.decode(letter)
    if (key !== undefined && asText(decoded.key) !== key) return false
    const headers = letter.headers.map(([name, value]) => [name, readable(value, undefined)])
    return isMeant({
      ...letter,
      ...decoded,
      headers: Object.fromEntries(headers) as Readonly<Record<string, unknown>>,
    })
  }
}
