import { seededRandom, type Random } from '../../core/random.ts'
import { isStreamsError, messageOf } from '../../core/errors.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import { KafkaError } from '../../kafka/port.ts'
import { BatchBuilder } from '../../kafka/wire/batch-builder.ts'
import { changelogTopic } from '../../state/changelog/changelog-topic.ts'
import { History, stateProblems } from './checks.ts'
import { SimulatedDisk } from './disk.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import { BROKERS, planOf, planText, type Plan } from './plan.ts'
import { bytesOf, partitionOf, PARTITIONS, START_MS, type InputRecord } from './scenario.ts'
import { Trace } from './trace.ts'
import { Troubles } from './troubles.ts'
import { VirtualClock } from './virtual-clock.ts'
import { Watch } from './watch.ts'

/** A fleet that has not settled so long after the last trouble never will. */
const SETTLE_MAX_MS = 180_000
const RESTART_AFTER_MS = 200
const PROBLEMS_MAX = 5

export interface Outcome {
  readonly seed: number
  readonly plan: string
  /** What went wrong; nothing in a good run. */
  readonly problems: readonly string[]
  /** Simulated time that went by. */
  readonly tookMs: number
  readonly steps: number
}

/** A run of one seed: a fleet, its troubles, its calm, and whether all came out as promised. */
class Fleet {
  readonly #plan: Plan
  readonly #random: Random
  readonly clock = new VirtualClock(START_MS)
  readonly trace: Trace
  readonly #cluster: SimulatedCluster
  readonly #network: Network
  readonly #machines: readonly Machine[]
  readonly #troubles: Troubles
  readonly #history: History
  readonly #watch: Watch
  readonly problems: string[] = []
  #written = 0
  #isCalm = false

  constructor(seed: number, plan: Plan, write: ((line: string) => void) | undefined) {
    this.#plan = plan
    this.#random = seededRandom(seed ^ 0x5eed)
    this.trace = new Trace(this.clock, write)
    const { transactionVersion, markerDelayMs, latencyMs, scenario } = plan
    this.#cluster = new SimulatedCluster({
      clock: this.clock,
      brokers: BROKERS,
      transactionVersion,
      markerDelayMs,
      random: seededRandom(seed + 1),
      sessionTimeoutMinMs: 100,
    })
    for (const topic of scenario.topics) this.#cluster.createTopic(topic, PARTITIONS)
    this.#history = new History(this.#cluster)
    const around = { cluster: this.#cluster, clock: this.clock, trace: this.trace }
    const random = seededRandom(seed + 2)
    this.#network = new Network({ ...around, random, latencyMs, transactionVersion })
    const { topology } = scenario
    const plain = new Set(
      [...topology.stores.values()].filter(({ kind }) => kind === 'key-value').map((s) => s.name),
    )
    this.#machines = Array.from(
      { length: plan.machines },
      (_, index) =>
        new Machine({
          ...plan,
          ...around,
          name: `m${index}`,
          topology,
          network: this.#network,
          newDisk: () => new SimulatedDisk(plain, this.trace),
        }),
    )
    this.#troubles = new Troubles({
      ...around,
      plan,
      network: this.#network,
      machines: this.#machines,
      random: this.#random,
      compact: (topic) => this.#history.compact(topic),
      replace: (machine, isWanted) => this.#replace(machine, isWanted),
    })
    this.#watch = new Watch({ ...around, plan, machines: this.#machines })
  }

  async run(): Promise<void> {
    const { plan, trace } = { plan: this.#plan, trace: this.trace }
    for (const machine of this.#machines) machine.start()
    const isWatched = this.#watchOver()
    for (let trouble = 0; trouble < plan.troubles; trouble += 1) {
      this.#write((trouble + 1) / (plan.troubles + 1))
      await this.clock.sleep(this.#random() * plan.pauseMs)
      this.#troubles.next()
    }
    await this.clock.sleep(this.#random() * plan.pauseMs)
    trace.note('fault', () => 'calm')
    this.#isCalm = true
    this.#troubles.end()
    this.#write(1)
    const settled = await this.#settles()
    if (settled) await this.#stop()
    this.#watch.end()
    await isWatched
    if (settled) this.#check()
  }

  /** Puts the input into its topics, up to this share of it. */
  #write(share: number): void {
    const { records } = this.#plan.scenario
    const until = Math.ceil(records.length * share)
    for (; this.#written < until; this.#written += 1) {
      const record = records[this.#written]!
      this.#cluster.appendForeign(record.topic, partitionOf(record.key), batchOf(record))
    }
    this.trace.note('input', () => `${until} of ${records.length} records are written`)
  }

  async #watchOver(): Promise<void> {
    while (await this.#watch.look()) {
      for (const machine of this.#machines) this.#buryDead(machine)
    }
  }

  /** A process that failed is started again by whoever looks after it. */
  #buryDead(machine: Machine): void {
    const { life } = machine
    const failure = life?.failures[0]
    if (life === undefined || failure === undefined) return
    if (!isExpected(failure)) this.problems.push(`${life.id} failed: ${textOf(failure)}`)
    life.crash()
    machine.life = undefined
    this.clock.after(RESTART_AFTER_MS, () => {
      if (machine.life === undefined) machine.start()
    })
  }

  #replace(machine: Machine, isWanted: boolean): void {
    const { life } = machine
    if (life === undefined) return
    void life.stop().then(() => {
      if (machine.life !== life || life.isDead) return
      const failure = life.failures.find((each) => !isExpected(each))
      if (failure !== undefined) this.problems.push(`${life.id} failed: ${textOf(failure)}`)
      life.crash()
      machine.life = undefined
      if (isWanted || this.#isCalm) machine.start()
    })
  }

  async #settles(): Promise<boolean> {
    const { scenario } = this.#plan
    for (const machine of this.#machines) if (machine.life === undefined) machine.start()
    const untilMs = this.clock.nowMs() + SETTLE_MAX_MS
    while (this.clock.nowMs() < untilMs) {
      await this.clock.sleep(100)
      if (!this.#machines.every(({ life }) => life?.isRunning === true)) continue
      if (!this.#allIsCommitted()) continue
      if (scenario.isComplete?.((topic) => this.#history.committed(topic)) ?? true) return true
    }
    const states = this.#machines.map(
      ({ name, life }) =>
        `${name} ${life?.threads.map(({ state }) => state).join(' ') ?? 'is off'}`,
    )
    const missing = this.#allIsCommitted() ? 'output is missing' : 'input is not committed'
    this.problems.push(`it does not settle: ${missing}; ${states.join(', ')}`)
    return false
  }

  #allIsCommitted(): boolean {
    const { inputs, topology } = this.#plan.scenario
    const offsets = this.#cluster.groupState(topology.name)?.offsets
    return inputs.every((topic) =>
      Array.from({ length: PARTITIONS }, (_, partition) => partition).every((partition) => {
        const end = this.#cluster.endOffset(topic, partition)
        return end === 0 || offsets?.get(topicPartitionKey(topic, partition)) === end
      }),
    )
  }

  /**
   * One after the other, cleanly; then the last markers reach their partitions, and transactions
   * that somebody left open are aborted.
   */
  async #stop(): Promise<void> {
    for (const { life } of this.#machines) {
      if (life === undefined) continue
      await life.stop()
      for (const failure of life.failures) {
        this.problems.push(`${life.id} failed to stop: ${textOf(failure)}`)
      }
    }
    await this.clock.sleep(this.#plan.config.transactionTimeoutMs + 2_000)
  }

  #check(): void {
    const { scenario, config } = this.#plan
    const promised = { guarantee: config.guarantee, isCached: config.cacheMaxBytes > 0 }
    const committed = (topic: string) => this.#history.committed(topic)
    this.problems.push(
      ...this.#network.problems,
      ...this.#watch.problems,
      ...scenario.problems(committed, promised),
    )
    // See `missing`: what its state comes to is not sure.
    if (config.guarantee === 'at-least-once') return
    const { name } = scenario.topology
    for (const machine of this.#machines) {
      for (const disk of machine.disks) {
        this.problems.push(
          ...disk.problems,
          ...disk.uncommitted((store, partition, row) =>
            this.#history.has(changelogTopic(name, store), partition, row),
          ),
        )
      }
      this.problems.push(...stateProblems(this.#history, machine.disk, scenario.topology))
    }
  }

  /** Nothing of it goes on. */
  end(): void {
    for (const { life } of this.#machines) life?.crash()
    this.#cluster[Symbol.dispose]()
  }
}

/** Runs a seed from its beginning to its end; the same seed, the same run. */
export async function runSeed(seed: number, write?: (line: string) => void): Promise<Outcome> {
  const plan = planOf(seededRandom(seed))
  const fleet = new Fleet(seed, plan, write)
  const unhandled = (error: unknown): void => {
    fleet.problems.push(`nobody handled: ${textOf(error)}`)
  }
  process.on('unhandledRejection', unhandled)
  try {
    await fleet.clock.run(() => fleet.run())
  } catch (error) {
    fleet.problems.push(textOf(error))
  } finally {
    fleet.end()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
  }
  const { clock, problems } = fleet
  return {
    seed,
    plan: planText(plan),
    problems: problems.slice(0, PROBLEMS_MAX),
    tookMs: clock.nowMs() - START_MS,
    steps: clock.steps,
  }
}

/**
 * A disk that is full ends a process until somebody makes room; and so does the last join of a dead
 * process that comes late, under the instance id of its successor.
 */
const isExpected = (failure: unknown): boolean =>
  isStreamsError(failure) &&
  (failure.code === 'STATE_DIRECTORY_UNUSABLE' ||
    (failure.cause instanceof KafkaError && failure.cause.code === 'FENCED_INSTANCE_ID'))

const textOf = (error: unknown): string =>
  `${messageOf(error)} ${error instanceof Error ? (error.stack?.split('\n')[1]?.trim() ?? '') : ''}`

function batchOf({ key, value, timestampMs }: InputRecord): Uint8Array {
  const builder = new BatchBuilder(256)
  builder.append(timestampMs, bytesOf(key), bytesOf(value), [])
  return builder.finish({
    producerId: -1,
    epoch: -1,
    baseSequence: -1,
    transactional: false,
    compression: 'none',
  })
}
