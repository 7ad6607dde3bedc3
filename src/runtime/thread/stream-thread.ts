import type { Clock } from '../../core/clock.ts'
import { assert } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { newThreadCounters, type ThreadCounters } from '../../core/metrics.ts'
import type { TaskId } from '../../core/task-id.ts'
import { Wakeup } from '../../core/wakeup.ts'
import { yieldToEventLoop } from '../../core/yield.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import { GroupMembership } from '../../kafka/client/group-membership.ts'
import { RecordProducer } from '../../kafka/client/producer.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { topicName, type OffsetReset } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'
import { Committer } from '../commit/committer.ts'
import { explained, reactionTo } from '../reaction.ts'
import { Restorer, type RestoreProgress } from '../restore/restorer.ts'
import { Task } from '../task/task.ts'
import { InputSupply } from './input-supply.ts'
import type { LocalStorage } from './local-storage.ts'
import { Rebalancer } from './rebalancer.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { startPositions, type Positions } from './start-positions.ts'
import { TaskRegistry } from './task-registry.ts'
import type { ThreadConfig } from './thread-config.ts'
import { threadMoves, type ThreadState } from './thread-state.ts'

/** Records a task processes before the clock is looked at. */
const RECORDS_PER_SLICE = 100
/** How long the loop keeps the event loop to itself. */
const TURN_MS = 10
/** How long an idle loop sleeps when nothing is due. */
const IDLE_WAIT_MS = 100
const RECOVERY_PAUSE_MS = 100
/** How long a shutdown waits for a rebalance that is under way. */
const REBALANCE_AT_SHUTDOWN_MS = 5_000

export interface StreamThreadOptions {
  readonly topology: Topology
  readonly config: ThreadConfig
  readonly port: KafkaPort
  readonly storage: LocalStorage
  readonly clock: Clock
  readonly logger: Logger
  readonly onStateChange: (state: ThreadState) => void
}

export interface ThreadSnapshot {
  readonly state: ThreadState
  readonly counters: Readonly<ThreadCounters>
  readonly tasks: readonly { readonly id: TaskId; readonly state: string }[]
  /** Committed input records not yet processed, as far as is known. */
  readonly lag: number
  readonly restoring: readonly RestoreProgress[]
}

/**
 * One group member, one producer and the tasks it was given, driven by one loop that reads like the
 * manual: membership → restore → process → punctuate → commit → wait.
 */
export class StreamThread {
  readonly #options: StreamThreadOptions
  readonly #counters = newThreadCounters()
  readonly #wakeup: Wakeup
  readonly #fetcher: Fetcher
  readonly #restorer: Restorer
  readonly #membership: GroupMembership
  readonly #tasks: TaskRegistry
  readonly #rebalancer: Rebalancer
  readonly #committer: Committer
  readonly #purge: RepartitionPurge
  #producer: RecordProducer
  #state: ThreadState = 'created'
  #stopping = false

  constructor(options: StreamThreadOptions) {
    this.#options = options
    const { port, clock, logger, config, topology, storage } = options
    const { applicationId } = config
    this.#wakeup = new Wakeup(clock)
    const onEvent = this.#wakeup.notify
    this.#fetcher = new Fetcher({
      port,
      clock,
      logger,
      isolation: 'read_committed',
      onArrival: onEvent,
    })
    this.#restorer = new Restorer({
      port,
      clock,
      logger,
      counters: this.#counters,
      onArrival: onEvent,
    })
    this.#membership = new GroupMembership({
      ...config,
      port,
      clock,
      logger,
      groupId: applicationId,
      protocolName: 'millrace',
      onEvent,
    })
    this.#producer = this.#newProducer()
    this.#committer = new Committer({ ...config, clock, counters: this.#counters })
    const positions: Positions = { port, clock, logger, applicationId, resetOf: resetOf(options) }
    const supply = new InputSupply(this.#fetcher, positions)
    this.#tasks = new TaskRegistry({
      fetcher: this.#fetcher,
      restorer: this.#restorer,
      storage,
      logger,
      onEvent,
      startPositions: (sources) => startPositions(positions, sources),
      createTask: (plan, backend) =>
        new Task({
          ...config,
          ...plan,
          topology,
          supply,
          backend,
          clock,
          logger,
          collector: {
            send: (...record) => this.#producer.send(...record),
            partitionCount: (topic) => this.#producer.partitionCount(topic),
          },
          counters: this.#counters,
          onCommitRequest: this.#committer.request,
        }),
    })
    this.#purge = new RepartitionPurge({ port, clock, logger, topology, applicationId })
    this.#rebalancer = new Rebalancer({
      ...config,
      port,
      clock,
      logger,
      topology,
      storage,
      onEvent,
      membership: this.#membership,
      tasks: this.#tasks,
      commitAll: () => this.#commitAll(),
      abandon: () => this.#abandon(),
    })
  }

  #newProducer(): RecordProducer {
    const { port, clock, logger, config } = this.#options
    const { applicationId, processId, threadIndex, guarantee } = config
    return new RecordProducer({
      ...config,
      port,
      clock,
      logger,
      transactionalId:
        guarantee === 'exactly-once' ? `${applicationId}-${processId}-${threadIndex}` : null,
      onProgress: this.#wakeup.notify,
    })
  }

  get state(): ThreadState {
    return this.#state
  }

  snapshot(): ThreadSnapshot {
    return {
      state: this.#state,
      counters: { ...this.#counters },
      tasks: this.#tasks.ids.map((id) => ({ id, state: this.#tasks.stateOf(id) })),
      lag: this.#lag(),
      restoring: this.#restorer.progress(),
    }
  }

  #lag(): number {
    let lag = 0
    for (const task of this.#tasks.running) {
      for (const { topic, partition, offset } of task.positions()) {
        const watermarks = this.#fetcher.watermarks(topic, partition)
        if (watermarks !== undefined) lag += Math.max(0, watermarks.lastStableOffset - offset)
      }
    }
    return lag
  }

  /** Running tasks, for local queries. */
  get tasks(): readonly Task[] {
    return this.#tasks.running
  }

  /** Runs until `stop`; rejects with what a person has to act on. */
  async run(): Promise<void> {
    this.#moveTo('starting')
    try {
      await this.#tryAgain(() => this.#producer.init())
      this.#moveTo('rebalancing')
      while (!this.#stopping) {
        try {
          await this.#turn()
        } catch (error) {
          await this.#recover(error)
        }
      }
      this.#moveTo('pending-shutdown')
      await this.#shutDown()
      this.#moveTo('stopped')
    } catch (error) {
      this.#moveTo('failed')
      throw explained(error)
    } finally {
      await this.#release()
    }
  }

  /** Asks for a clean shutdown: finish, commit, leave. */
  readonly stop = (): void => {
    this.#stopping = true
    this.#wakeup.notify()
  }

  /** Stops without a commit and without waiting for Kafka: what is not committed will be done again. */
  readonly abort = (): void => {
    this.stop()
    // Whoever waits for an acknowledgement gets a failure now, and not when it has timed out.
    void this.#producer.close()
  }

  async #turn(): Promise<void> {
    const { clock, config } = this.#options
    await this.#rebalancer.step()
    let busy = this.#tasks.advance()
    this.#showState()
    if (this.#mayProcess()) {
      if (this.#processFor(TURN_MS)) busy = true
      for (const task of this.#tasks.running) if (task.punctuate(clock.nowMs())) busy = true
    }
    if (this.#committer.isDue(this.#tasks.running, clock.nowMs()) && this.#mayCommit()) {
      await this.#commit()
    }
    if (this.#producer.bufferedBytes > config.sendBufferBytesMax) {
      await this.#producer.drainTo(config.sendBufferBytesMax / 2)
    }
    if (busy) await yieldToEventLoop()
    else await this.#wakeup.wait(this.#waitMs())
  }

  /** Uncommitted work must not pile up while the group rebalances. */
  #mayProcess(): boolean {
    if (!this.#rebalancer.isJoining) return true
    const { clock, config } = this.#options
    return clock.nowMs() < this.#committer.dueMs + config.transactionTimeoutMs / 4
  }

  #mayCommit(): boolean {
    return !this.#rebalancer.isJoining && this.#membership.state !== 'lost'
  }

  /** Slices of each task in turn until the time is up; true when anything was processed. */
  #processFor(ms: number): boolean {
    const { clock, config } = this.#options
    const untilMs = clock.nowMs() + ms
    let any = false
    for (;;) {
      let processed = 0
      for (const task of this.#tasks.running) processed += task.process(RECORDS_PER_SLICE)
      if (processed === 0) return any
      any = true
      if (clock.nowMs() >= untilMs) return true
      if (this.#producer.bufferedBytes > config.sendBufferBytesMax) return true
    }
  }

  #waitMs(): number {
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    let untilMs = nowMs + IDLE_WAIT_MS
    for (const task of this.#tasks.running) {
      if (task.needsCommit) untilMs = Math.min(untilMs, this.#committer.dueMs)
      untilMs = Math.min(untilMs, task.nextPunctuationMs() ?? untilMs)
    }
    return Math.max(1, untilMs - nowMs)
  }

  async #commit(): Promise<void> {
    await this.#committer.commit(this.#tasks.running, this.#producer, this.#membership.member)
    this.#purge.afterCommit(this.#tasks.running)
  }

  async #commitAll(): Promise<void> {
    await this.#commit()
    this.#committer.checkpoint(this.#tasks.running, this.#producer)
  }

  /** Another thread may own our tasks, or a commit's outcome is unknown: forget what is not committed. */
  async #abandon(): Promise<void> {
    this.#counters.migrations += 1
    await this.#tasks.close(this.#tasks.ids)
    await this.#producer.close()
    this.#producer = this.#newProducer()
    await this.#producer.init()
  }

  async #recover(error: unknown): Promise<void> {
    const { logger, clock, storage } = this.#options
    const reaction = reactionTo(error)
    switch (reaction) {
      case 'record':
      case 'stop':
        throw error
      case 'migrated':
      case 'wipe-and-restore': {
        logger.warn({ err: error, reaction }, 'work since the last commit is abandoned')
        const ids = this.#tasks.ids
        await this.#tryAgain(() => this.#abandon())
        if (reaction === 'wipe-and-restore') for (const id of ids) storage.wipe(id)
        if (this.#membership.member === undefined || this.#rebalancer.isJoining) return
        await clock.sleep(RECOVERY_PAUSE_MS)
        this.#rebalancer.openAssigned()
      }
    }
  }

  /** Brokers may be away for long: whatever may pass is waited out, until `stop`. */
  async #tryAgain(attempt: () => Promise<void>): Promise<void> {
    const { logger, clock } = this.#options
    for (let pauseMs = RECOVERY_PAUSE_MS; ; pauseMs = Math.min(5_000, pauseMs * 2)) {
      try {
        await attempt()
        return
      } catch (error) {
        if (reactionTo(error) !== 'migrated' || this.#stopping) throw error
        logger.warn({ err: error, pauseMs }, 'Kafka cannot be reached: trying again')
        await clock.sleep(pauseMs)
      }
    }
  }

  async #shutDown(): Promise<void> {
    const { clock, logger } = this.#options
    const untilMs = clock.nowMs() + REBALANCE_AT_SHUTDOWN_MS
    while (this.#rebalancer.isJoining && clock.nowMs() < untilMs) {
      await this.#rebalancer.step()
      await this.#wakeup.wait(IDLE_WAIT_MS)
    }
    if (this.#mayCommit()) {
      try {
        await this.#commitAll()
      } catch (error) {
        if (reactionTo(error) !== 'migrated') throw error
        logger.warn({ err: error }, 'the last commit failed: its work will be done again')
      }
    }
    await this.#tasks.close(this.#tasks.ids)
    await this.#membership.leave()
  }

  async #release(): Promise<void> {
    await this.#tasks.close(this.#tasks.ids)
    await this.#membership.close()
    await this.#restorer.close()
    await this.#fetcher.close()
    await this.#producer.close()
  }

  #showState(): void {
    const settled = !this.#rebalancer.isJoining && this.#membership.state === 'stable'
    const running = settled && this.#tasks.allRunning
    if (running !== (this.#state === 'running')) this.#moveTo(running ? 'running' : 'rebalancing')
  }

  #moveTo(state: ThreadState): void {
    if (state === this.#state) return
    const moves: readonly string[] = threadMoves[this.#state]
    assert(moves.includes(state), `a thread does not move from ${this.#state} to ${state}`)
    this.#state = state
    this.#options.onStateChange(state)
  }
}

/** The reset policy of a topic by its name in Kafka; repartition topics are read from their start. */
function resetOf({ topology, config }: StreamThreadOptions): (topic: string) => OffsetReset {
  const sources = topology.subTopologies.flatMap((each) => each.sources)
  return (topic) => {
    for (const { topics, reset } of sources) {
      if (topics instanceof RegExp) {
        if (topics.test(topic)) return reset
      } else {
        const found = topics.find((each) => topicName(each, config.applicationId) === topic)
        if (found !== undefined) return found.internal ? 'earliest' : reset
      }
    }
    return 'earliest'
  }
}
