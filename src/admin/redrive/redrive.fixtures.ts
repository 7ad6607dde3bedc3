/** Dead letters on a simulated cluster, and what became of them. */
import { deadLetterHeader, redriveHeader } from '../../core/dead-letter.ts'
import { headerText, type Header, type RawRecord } from '../../core/record.ts'
import { bytesOf, simulate, textOf, type Simulation } from '../../kafka/client/client.fixtures.ts'
import { BatchBuilder } from '../../kafka/wire/batch-builder.ts'
import { partitionForKey } from '../../kafka/wire/murmur2.ts'
import { redrive, type RedriveOptions, type RedriveSummary } from './redrive.ts'

export const START_MS = 1_700_000_000_000
export const DEAD = 'orders.dead-letters'
export const SOURCE_PARTITIONS = 3
export const DEAD_PARTITIONS = 2

export interface Letter {
  readonly key: string
  readonly value: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  /** 0 for a letter of Kafka Streams, which does not say. */
  readonly failedAtMs: number
  readonly error?: string
  readonly headers?: readonly Header[]
  readonly redrives?: number
}

const text = (name: string, value: string | number): Header => [name, bytesOf(String(value))]

export const headersOf = (letter: Letter): readonly Header[] => [
  ...(letter.headers ?? []),
  ...(letter.redrives === undefined ? [] : [text(redriveHeader, letter.redrives)]),
  text(deadLetterHeader.exception, letter.error ?? 'RangeError'),
  text(deadLetterHeader.message, 'not in range'),
  text(deadLetterHeader.stackTrace, 'RangeError: not in range'),
  text(deadLetterHeader.topic, letter.topic),
  text(deadLetterHeader.partition, letter.partition),
  text(deadLetterHeader.offset, letter.offset),
  ...(letter.failedAtMs === 0
    ? []
    : [
        text(deadLetterHeader.code, 'PROCESSING_FAILED'),
        text(deadLetterHeader.node, 'map-values-1'),
        text(deadLetterHeader.failedAt, letter.failedAtMs),
      ]),
]

/** One batch a letter, by key, at this very moment. */
export function putLetters({ cluster }: Simulation, letters: readonly Letter[]): void {
  for (const letter of letters) {
    const builder = new BatchBuilder(256)
    const key = bytesOf(letter.key)
    builder.append(letter.timestampMs, key, bytesOf(letter.value), headersOf(letter))
    const batch = builder.finish({
      producerId: -1,
      epoch: -1,
      baseSequence: -1,
      transactional: false,
      compression: 'none',
    })
    cluster.appendForeign(DEAD, partitionForKey(key, DEAD_PARTITIONS), batch)
  }
}

/** Of some orders one after the other, as a task of each source partition sets them aside. */
export const someLetters = (count: number, orders = 7): readonly Letter[] =>
  Array.from({ length: count }, (_, nth) => {
    const key = `order-${nth % orders}`
    return {
      key,
      value: `${key} step ${Math.floor(nth / orders)}`,
      topic: 'orders',
      partition: partitionForKey(bytesOf(key), SOURCE_PARTITIONS),
      offset: 10 + nth,
      timestampMs: START_MS - 100_000 + nth,
      failedAtMs: START_MS - 50_000 + nth,
      headers: [['trace', bytesOf(`t-${nth}`)]],
    }
  })

export function withLetters(
  letters: readonly Letter[],
  options: Parameters<typeof simulate>[0] = {},
): Simulation {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', SOURCE_PARTITIONS)
  simulation.cluster.createTopic(DEAD, DEAD_PARTITIONS)
  putLetters(simulation, letters)
  return simulation
}

export async function redriven(
  simulation: Simulation,
  options: RedriveOptions = {},
  clientId = 'redrive',
): Promise<RedriveSummary> {
  const { clock } = simulation
  return await clock.run(async () => {
    const port = await simulation.connect(clientId)
    return await redrive({ port, clock }, DEAD, options)
  })
}

/** What a reader of the source topic sees, by partition. */
export const sent = ({ cluster }: Simulation): readonly (readonly RawRecord[])[] =>
  Array.from({ length: SOURCE_PARTITIONS }, (_, partition) =>
    cluster.records('orders', partition, 'read_committed'),
  )

export const valuesSent = (simulation: Simulation): readonly (readonly string[])[] =>
  sent(simulation).map((records) => records.map(({ value }) => textOf(value) ?? ''))

/** What it comes to when each letter is sent once, in the order of its source. */
export const valuesInOrder = (letters: readonly Letter[]): readonly (readonly string[])[] =>
  Array.from({ length: SOURCE_PARTITIONS }, (_, partition) =>
    letters
      .filter((letter) => letter.partition === partition)
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ value }) => value),
  )

export const attemptsOf = (record: RawRecord): string =>
  headerText(record.headers, redriveHeader) ?? ''
