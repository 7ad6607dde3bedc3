/** A fetcher on a simulated cluster, and what it has read. */
import { silentLogger } from '../../core/logger.ts'
import type { Isolation, KafkaPort } from '../port.ts'
import { simulate, textOf, type Simulation } from './client.fixtures.ts'
import { Fetcher, type FetcherOptions } from './fetcher.ts'

const READ_MS = 5_000

export function fetcherOf(
  port: KafkaPort,
  { clock }: Simulation,
  options: Partial<FetcherOptions> = {},
): Fetcher {
  return new Fetcher({
    port,
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: () => {},
    ...options,
  })
}

export interface Read {
  readonly values: readonly (string | null)[]
  readonly offsets: readonly number[]
  readonly position: number
}

/** Everything that has arrived of a partition by now. */
export function readAll(fetcher: Fetcher, topic: string, partition = 0): Read {
  const values: (string | null)[] = []
  const offsets: number[] = []
  let position = -1
  for (let run = fetcher.take(topic, partition); run; run = fetcher.take(topic, partition)) {
    while (run.next()) {
      values.push(textOf(run.value))
      offsets.push(run.offset)
    }
    position = run.endOffset
  }
  return { values, offsets, position }
}

export async function readFrom(
  simulation: Simulation,
  position: number,
  isolation: Isolation = 'read_committed',
  options: Partial<FetcherOptions> = {},
): Promise<Read> {
  const fetcher = fetcherOf(await simulation.connect('reader'), simulation, {
    isolation,
    ...options,
  })
  fetcher.assign('orders', 0, position)
  const parts: Read[] = []
  for (let turn = 0; turn < 20; turn += 1) {
    await simulation.clock.advance(READ_MS / 20)
    parts.push(readAll(fetcher, 'orders'))
  }
  await fetcher.close()
  return {
    values: parts.flatMap((part) => part.values),
    offsets: parts.flatMap((part) => part.offsets),
    position: parts.reduce((last, part) => Math.max(last, part.position), -1),
  }
}

export async function openOrders(options: Parameters<typeof simulate>[0] = {}) {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', 1)
  const port = await simulation.connect('writer')
  return { simulation, port }
}
