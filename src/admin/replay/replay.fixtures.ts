/** An application with a bug in it, its state, and what replaying it comes to. */
import { deadLetters, json, string, topic, topology, type Topology } from 'millrace'
import { seededRandom } from '../../core/random.ts'
import type { Life } from '../../runtime/life.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from '../../runtime/simulation.fixtures.ts'
import type { SimulatedClusterOptions } from '../../kafka/memory/simulated-cluster.ts'
import type { ReplayDeps, ReplayOptions, ReplayPlan } from './plan-replay.ts'
import { replay } from './replay.ts'

export const PARTITIONS = 2
export const CHANGELOG = 'words-counts-changelog'
export const REPARTITION = 'words-counts-repartition'

const texts = topic('texts', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })

/** The bug: capital letters make another word. The graph is the same. */
const words = (spell: (word: string) => string): Topology =>
  topology('words', { deadLetters: deadLetters('words.dead') }, (builder) => {
    builder
      .stream(texts)
      .flatMapValues((text) => text.split(' '))
      .selectKey((word) => {
        if (word === '') throw new RangeError('no word')
        return spell(word)
      })
      .groupByKey()
      .count({ store: 'counts' })
      .toStream()
      .to(totals)
  })

export const buggy = words((word) => word)
export const fixed = words((word) => word.toLowerCase())

const lines = [
  'To be or not to be',
  'That is the question',
  'Whether tis nobler',
  '',
  'In the mind to suffer',
  'The slings and arrows',
  'Of outrageous fortune',
  'Or to take arms',
]

export type Counts = Readonly<Record<string, number>>

/** What the words come to, by a plain fold. */
export function counted(lineCount: number, spell: (word: string) => string): Counts {
  const counts: Record<string, number> = {}
  for (const word of textLines(lineCount).flatMap((line) => line.split(' '))) {
    if (word !== '') counts[spell(word)] = (counts[spell(word)] ?? 0) + 1
  }
  return counts
}

export const wrong = (lineCount: number): Counts => counted(lineCount, (word) => word)
export const right = (lineCount: number): Counts => counted(lineCount, (word) => word.toLowerCase())

const textLines = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => lines[index % lines.length] ?? '')

/** Two processes, each with a disk of its own. */
export class Words implements Disposable {
  readonly simulation: Simulation
  readonly disks = [new Disk(), new Disk()] as const
  #written = 0
  #lives = 0

  constructor(options: Partial<SimulatedClusterOptions> = {}) {
    this.simulation = new Simulation(options)
    for (const name of ['texts', 'totals', 'words.dead']) {
      this.simulation.cluster.createTopic(name, PARTITIONS)
    }
  }

  run<T>(scene: () => Promise<T>): Promise<T> {
    return this.simulation.clock.run(scene)
  }

  start(topology: Topology, disk: 0 | 1): Life {
    this.#lives += 1
    return this.simulation.start({
      topology,
      disk: this.disks[disk],
      clientId: `life-${this.#lives}`,
      processId: `process-${disk}`,
    })
  }

  /** Writes so many lines of text and waits until all is counted and committed. */
  async count(lineCount: number): Promise<void> {
    const more = textLines(this.#written + lineCount).slice(this.#written)
    this.simulation.write(
      more.map((value, index) => ({
        topic: 'texts',
        key: `line-${this.#written + index}`,
        value,
        timestampMs: START_MS - 100_000 + this.#written + index,
      })),
    )
    this.#written += lineCount
    await this.settle()
  }

  async settle(): Promise<void> {
    await this.simulation.until(
      () => this.simulation.hasCommitted('words', ['texts', REPARTITION]),
      'all is counted',
    )
  }

  /** Both processes count with the bug, then one stops and the other one is killed. */
  async hasRunWithTheBug(lineCount: number): Promise<void> {
    const [first, second] = [this.start(buggy, 0), this.start(buggy, 1)]
    await this.count(lineCount)
    // Checkpoints are behind commits: what is on the disks is not all of it.
    second.crash()
    await first.stop()
    // The dead one is a member until its session ends.
    await this.simulation.clock.sleep(3_000)
  }

  async deps(clientId = 'replay', topology = fixed): Promise<ReplayDeps> {
    const port = await this.simulation.connect(clientId)
    const { clock } = this.simulation
    return { port, clock, random: seededRandom(3), topology, applicationId: topology.name }
  }

  async replay(options: ReplayOptions, clientId?: string): Promise<ReplayPlan> {
    const { plan } = await replay(await this.deps(clientId), options, () => true)
    return plan
  }

  /** The state, as its changelog has it. */
  get state(): Counts {
    const rows = this.simulation.folded(CHANGELOG)
    return Object.fromEntries(Object.entries(rows).map(([word, count]) => [word, Number(count)]))
  }

  /** Every total that was sent, `word count`, by word. */
  totals(from: readonly number[] = [0, 0]): Readonly<Record<string, readonly number[]>> {
    const sent: Record<string, number[]> = {}
    for (const [partition, records] of this.simulation.committed('totals').entries()) {
      for (const { offset, key, value } of records) {
        if (offset < (from[partition] ?? 0)) continue
        ;(sent[textOf(key) ?? ''] ??= []).push(Number(textOf(value)))
      }
    }
    return sent
  }

  ends(topicName: string): readonly number[] {
    return [0, 1].map((partition) => this.simulation.cluster.endOffset(topicName, partition))
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

/** Each word counted up from one. */
export const countedUp = (counts: Counts): Readonly<Record<string, readonly number[]>> =>
  Object.fromEntries(
    Object.entries(counts).map(([word, count]) => [
      word,
      Array.from({ length: count }, (_, nth) => nth + 1),
    ]),
  )
