import { describe, expect, test } from 'vitest'
import { string, topic, topology, type SourceOptions, type Topology } from 'millrace'
import type { Life } from '../life.fixtures.ts'
import { Disk, Simulation, textOf } from '../simulation.fixtures.ts'

const input = topic('input', { key: string, value: string })
const output = topic('output', { key: string, value: string })

const copyingFrom = (reset: SourceOptions<string, string>['reset']): Topology =>
  topology('copying', (builder) => {
    builder.stream(input, reset === undefined ? {} : { reset }).to(output)
  })

class Copying implements Disposable {
  readonly simulation = new Simulation()
  readonly #topology: Topology
  #lives = 0

  constructor(reset?: SourceOptions<string, string>['reset']) {
    this.#topology = copyingFrom(reset)
    for (const name of ['input', 'output']) this.simulation.cluster.createTopic(name, 1)
  }

  start(): Life {
    this.#lives += 1
    return this.simulation.start({
      topology: this.#topology,
      disk: new Disk(),
      clientId: `life-${this.#lives}`,
    })
  }

  write(...values: readonly string[]): void {
    const timestampMs = this.simulation.clock.nowMs()
    this.simulation.write(
      values.map((value) => ({ topic: 'input', key: 'k', value, timestampMs })),
      1,
    )
  }

  async copied(...values: readonly string[]): Promise<void> {
    await this.simulation.until(() => this.values.length >= values.length, values.join())
    await this.simulation.clock.sleep(300)
    expect(this.values).toEqual(values)
  }

  get values(): readonly (string | null)[] {
    return (this.simulation.committed('output', 1)[0] ?? []).map(({ value }) => textOf(value))
  }

  get committed(): number | undefined {
    return this.simulation.cluster.groupState('copying')?.offsets.get('input-0')
  }

  deleteBefore(offset: number): void {
    this.simulation.cluster.deleteRecordsBefore('input', 0, offset)
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

describe('where nothing is committed', () => {
  test.for([undefined, 'earliest'] as const)('reset %s begins at the beginning', async (reset) => {
    using copying = new Copying(reset)
    await copying.run(async () => {
      copying.write('a', 'b')
      copying.start()
      await copying.copied('a', 'b')
    })
  })

  test('reset latest begins with what comes next', async () => {
    using copying = new Copying('latest')
    await copying.run(async () => {
      copying.write('a', 'b')
      const life = copying.start()
      await copying.simulation.until(() => life.thread.tasks.length === 1, 'it runs')
      copying.write('c')
      await copying.copied('c')
    })
  })

  test('and latest is remembered: what comes while nobody runs is read', async () => {
    using copying = new Copying('latest')
    await copying.run(async () => {
      copying.write('a')
      const life = copying.start()
      await copying.simulation.until(() => life.thread.state === 'running', 'it runs')
      await copying.simulation.until(() => copying.committed === 1, 'its beginning is committed')
      life.crash()
      copying.write('b')
      copying.start()
      await copying.copied('b')
    })
  })

  test('reset by a duration begins that long ago', async () => {
    using copying = new Copying({ by: '1m' })
    await copying.run(async () => {
      copying.write('old')
      await copying.simulation.clock.sleep(50_000)
      copying.write('recent')
      await copying.simulation.clock.sleep(50_000)
      copying.start()
      await copying.copied('recent')
    })
  })

  test('and by a duration in which there was nothing, with what comes next', async () => {
    using copying = new Copying({ by: '1m' })
    await copying.run(async () => {
      copying.write('old')
      await copying.simulation.clock.sleep(100_000)
      const life = copying.start()
      await copying.simulation.until(() => life.thread.tasks.length === 1, 'it runs')
      copying.write('new')
      await copying.copied('new')
    })
  })

  test('reset none stops and says what to do', async () => {
    using copying = new Copying('none')
    await copying.run(async () => {
      copying.write('a')
      const life = copying.start()
      expect(await life.ended).toMatchObject({ code: 'OFFSET_MISSING' })
    })
  })
})

describe('where the committed offset has left the topic', () => {
  async function readTwo(copying: Copying): Promise<void> {
    copying.write('a', 'b')
    const life = copying.start()
    // Also with `latest`, which begins behind what is there.
    await copying.simulation.until(() => copying.committed === 2, 'both are passed')
    await life.stop()
    copying.write('c', 'd', 'e')
    copying.deleteBefore(4)
  }

  test('reset earliest goes on with what is left', async () => {
    using copying = new Copying('earliest')
    await copying.run(async () => {
      await readTwo(copying)
      copying.start()
      await copying.copied('a', 'b', 'e')
    })
  })

  test('reset latest goes on with what comes next, and remembers that', async () => {
    using copying = new Copying('latest')
    await copying.run(async () => {
      await readTwo(copying)
      const life = copying.start()
      await copying.simulation.until(() => copying.committed === 5, 'the end is committed')
      life.crash()
      copying.write('f')
      copying.start()
      await copying.copied('f')
    })
  })

  test('reset none stops', async () => {
    using copying = new Copying('earliest')
    await copying.run(async () => {
      await readTwo(copying)
      const strict = copying.simulation.start({
        topology: copyingFrom('none'),
        disk: new Disk(),
        clientId: 'strict',
      })
      expect(await strict.ended).toMatchObject({ code: 'OFFSET_MISSING' })
    })
  })

  test('a topic that was created anew is read from its reset', async () => {
    using copying = new Copying('earliest')
    await copying.run(async () => {
      copying.write('a', 'b', 'c')
      const first = copying.start()
      await copying.copied('a', 'b', 'c')
      await first.stop()
      const { cluster, clock } = copying.simulation
      const port = await copying.simulation.connect('admin')
      await port.deleteTopics(['input'])
      cluster.createTopic('input', 1)
      await clock.sleep(100)
      copying.write('x')
      copying.start()
      await copying.copied('a', 'b', 'c', 'x')
    })
  })

  test('a broker that cannot say where the topic begins is asked until it can', async () => {
    using copying = new Copying('earliest')
    await copying.run(async () => {
      await readTwo(copying)
      const { faults } = copying.simulation.cluster
      const untilMs = copying.simulation.clock.nowMs() + 150_000
      faults.loseRequest(
        ({ api, atMs, partitions }) =>
          api === 'listOffsets' && partitions[0]?.topic === 'input' && atMs < untilMs,
        Infinity,
      )
      const life = copying.start()
      await copying.copied('a', 'b', 'e')
      expect(life.thread.snapshot().counters.migrations).toBe(0)
    })
  })
})
