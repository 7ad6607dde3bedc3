import { expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { seededRandom } from '../../core/random.ts'
import { BareProducer, bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { Fetcher } from './fetcher.ts'

const seeds = Array.from({ length: 24 }, (_, seed) => seed + 1)

/** Producers that write, commit and abort in any order; what is still open at the end is ended. */
async function writeAtRandom(simulation: Simulation, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const pick = (below: number): number => Math.floor(random() * below)
  const port = await simulation.connect('writer')
  const plain = await BareProducer.open(port, null)
  const writers: BareProducer[] = []
  for (const id of ['a', 'b', 'c', 'd']) writers.push(await BareProducer.open(port, id))
  const open = new Set<BareProducer>()
  for (let step = 0; step < 120; step += 1) {
    const values = Array.from({ length: 1 + pick(3) }, (_, each) => `${step}-${each}`)
    const key = bytesOf(`key-${pick(6)}`)
    const writer = writers[pick(writers.length)] as BareProducer
    const choice = random()
    if (choice < 0.1) {
      await plain.append('orders', 0, values, key)
    } else if (choice < 0.65 || !open.has(writer)) {
      await writer.append('orders', 0, values, key)
      open.add(writer)
    } else {
      await writer.end(random() < 0.5 ? 'abort' : 'commit')
      open.delete(writer)
    }
  }
  for (const writer of open) await writer.end(random() < 0.5 ? 'abort' : 'commit')
}

async function read(
  simulation: Simulation,
  position: number,
  partitionBytesMax: number,
): Promise<{ values: (string | null)[]; end: number }> {
  const { clock } = simulation
  const fetcher = new Fetcher({
    port: await simulation.connect(`reader-${position}-${partitionBytesMax}`),
    clock,
    logger: silentLogger,
    isolation: 'read_committed',
    onArrival: () => {},
    partitionBytesMax,
  })
  fetcher.assign('orders', 0, position)
  const values: (string | null)[] = []
  let end = position
  for (let turn = 0; turn < 1_000; turn += 1) {
    await clock.advance(100)
    for (let run = fetcher.take('orders', 0); run; run = fetcher.take('orders', 0)) {
      while (run.next()) values.push(`${run.offset} ${textOf(run.value)}`)
      end = run.endOffset
    }
    if (end === fetcher.watermarks('orders', 0)?.highWatermark) break
  }
  await fetcher.close()
  return { values, end }
}

test.for(seeds)(
  'whatever producers do, exactly the committed records are read (seed %i)',
  async (seed) => {
    using simulation = simulate({ transactionVersion: seed % 2 === 0 ? 1 : 2 })
    const { cluster } = simulation
    cluster.createTopic('orders', 1, seed % 3 === 0 ? { 'cleanup.policy': 'compact' } : {})
    await writeAtRandom(simulation, seed)
    if (seed % 3 === 0) cluster.compact('orders')
    const end = cluster.endOffset('orders', 0)
    const committed = cluster.records('orders', 0, 'read_committed')
    for (const position of [0, seed * 5]) {
      const values = committed
        .filter(({ offset }) => offset >= position)
        .map(({ offset, value }) => `${offset} ${textOf(value)}`)
      for (const partitionBytesMax of [90, 700, 1_000_000]) {
        expect(await read(simulation, position, partitionBytesMax)).toEqual({ values, end })
      }
    }
  },
)
