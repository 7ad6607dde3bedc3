import type { Clock } from '../../core/clock.ts'
import { assert } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { newThreadCounters } from '../../core/metrics.ts'
import { Wakeup } from '../../core/wakeup.ts'
import { yieldToEventLoop } from '../../core/yield.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import { GroupMembership, type LeaveOptions } from '../../kafka/client/group-membership.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import type { RemoteSerde } from '../../serde/registry/remote-serde.ts'
import type { Topology } from '../../topology/topology.ts'
import { Committer } from '../commit/committer.ts'
import { GlobalReader } from '../global/global-reader.ts'
import type { GlobalStore } from '../global/global-store.ts'
import { explained } from '../reaction.ts'
import { Restorer } from '../restore/restorer.ts'
import { placeOfFailure } from '../task/failed-task.ts'
import type { StandbyTask } from '../task/standby-task.ts'
import type { Task } from '../task/task.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import { endablePort } from './endable-port.ts'
import { InputSupply } from './input-supply.ts'
import { globalPlace, isTask, type LocalStorage, type Place } from './local-storage.ts'
import { Outgoing } from './outgoing.ts'
import { Pace } from './pace.ts'
import { Rebalancer } from './rebalancer.ts'
import { recoveryFrom, recoveryPauseMs, type Recovery } from './recovery.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { resetPolicies, startPositions, type Positions } from './start-positions.ts'
import { Standbys } from './standbys.ts'
import { TaskFactory } from './task-factory.ts'
import { TaskRegistry } from './task-registry.ts'
import type { MemoryShare, ThreadConfig } from './thread-config.ts'
import type { ThreadSnapshot } from './thread-snapshot.ts'
import { threadMoves, type ThreadState } from './thread-state.ts'
import { Turns } from './turns.ts'
import { Vitals } from './vitals.ts'

/** How long the loop keeps the event loop to itself. */
const TURN_MS = 10
/** Between looks at a rebalance that a shutdown waits for. */
const LOOK_AGAIN_MS = 100
/** How long a shutdown waits for a rebalance that is under way. */
const REBALANCE_AT_SHUTDOWN_MS = 5_000
/** How long a clean shutdown may take before what is not committed is left to be done again. */
const SHUTDOWN_MAX_MS = 10_000

export interface StreamThreadOptions {
  readonly topology: Topology
  readonly config: ThreadConfig
  readonly port: KafkaPort
  readonly storage: LocalStorage
  /** Has a serde ask its schema registry, in the background. */
  readonly openSerde: (remote: RemoteSerde) => void
  /** Where records are followed by spans; undefined: nowhere. */
  readonly tracing?: OpenTelemetry | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly onStateChange: (state: ThreadState) => void
}

/**
 * One group member, one producer and the tasks it was given, driven by one loop that reads like the
 * manual: global stores → membership → restore → process → punctuate → commit → wait.
 */
export class StreamThread {
  readonly #options: StreamThreadOptions
  readonly #counters = newThreadCounters()
  readonly #stopping = new AbortController()
  /** From then on nothing is waited for. */
  readonly #ended = new AbortController()
  readonly #wakeup: Wakeup
  readonly #fetcher: Fetcher
  readonly #globals: GlobalReader
  readonly #restorer: Restorer
  readonly #membership: GroupMembership
  readonly #outgoing: Outgoing
  readonly #factory: TaskFactory
  readonly #tasks: TaskRegistry
  readonly #standbys: Standbys
  readonly #rebalancer: Rebalancer
  readonly #committer: Committer
  readonly #purge: RepartitionPurge
  readonly #turns: Turns
  readonly #vitals: Vitals
  readonly #pace: Pace
  /** In a row, without a commit in between. */
  #failures = 0
  #state: ThreadState = 'created'
  /** It is not coming back, and a static member says so to the group. */
  #leavesForGood = false

  constructor(options: StreamThreadOptions) {
    this.#options = options
    const { clock, logger, config, topology, storage } = options
    const { applicationId } = config
    this.#wakeup = new Wakeup(clock)
    this.#vitals = new Vitals(config.threadIndex, clock, this.#counters)
    const onEvent = this.#wakeup.notify
    const port = endablePort(options.port, this.#ended.signal)
    const shared = { port, clock, logger, onArrival: onEvent, onEvent, onProgress: onEvent }
    this.#fetcher = new Fetcher({ ...shared, isolation: 'read_committed' })
    this.#restorer = new Restorer({ ...shared, counters: this.#counters })
    this.#globals = new GlobalReader({
      ...config,
      ...shared,
      topology,
      storage,
      place: globalPlace(config.threadIndex),
      counters: this.#counters,
    })
    this.#membership = new GroupMembership({
      ...config,
      ...shared,
      // Leaving the group is the last thing it does, and waits for seconds at most.
      port: options.port,
      isStuck: () => this.#vitals.sinceTurnMs >= config.maxPollIntervalMs,
      groupId: applicationId,
      protocolName: 'millrace',
    })
    this.#outgoing = new Outgoing({ ...shared, config, topology, stopping: this.#stopping.signal })
    this.#committer = new Committer({
      ...config,
      clock,
      counters: this.#counters,
      work: this.#vitals.committing,
      member: () => this.#membership.member,
    })
    const resetOf = resetPolicies(topology, applicationId)
    const positions: Positions = { port, clock, logger, applicationId, resetOf }
    const until = config.until ?? {}
    const supply = new InputSupply({ fetcher: this.#fetcher, positions, until, onEvent })
    this.#tasks = new TaskRegistry({
      ...shared,
      supply,
      restorer: this.#restorer,
      storage,
      startPositions: (sources) => startPositions(positions, sources),
      prepareOutputs: () => this.#outgoing.prepare(),
      createTask: (plan, backend) => this.#factory.create(plan, backend, this.#tasks.ids),
    })
    this.#factory = new TaskFactory({
      ...options,
      supply,
      globalStore: this.#globals.store,
      collector: this.#outgoing.collector,
      counters: this.#counters,
      onCommitRequest: this.#committer.request,
    })
    const counters = this.#counters
    this.#standbys = new Standbys({ ...config, ...shared, topology, storage, counters })
    this.#turns = new Turns(clock, this.#outgoing.isFull, this.#vitals.processing)
    this.#purge = new RepartitionPurge({ port, clock, logger, topology, applicationId })
    this.#rebalancer = this.#newRebalancer(port)
  }

  #newRebalancer(port: KafkaPort): Rebalancer {
    const { config } = this.#options
    return new Rebalancer({
      ...this.#options,
      ...config,
      port,
      fleet: config,
      membership: this.#membership,
      tasks: this.#tasks,
      standbys: this.#standbys,
      onEvent: this.#wakeup.notify,
      commitAll: () => this.#commitAll(),
      abandon: () => this.#abandon(),
      proveCoordinator: this.#outgoing.proveCoordinator,
    })
    this.#pace = new Pace({
      ...config,
      clock,
      tasks: this.#tasks,
      committer: this.#committer,
      rebalancer: this.#rebalancer,
      membership: this.#membership,
      globals: this.#globals,
    })
  }

  get state(): ThreadState {
    return this.#state
  }

  snapshot(): ThreadSnapshot {
    const parts = { tasks: this.#tasks, fetcher: this.#fetcher, restorer: this.#restorer }
    const followers = { globals: this.#globals, standbys: this.#standbys }
    return this.#vitals.snapshot({ ...parts, ...followers, state: this.#state })
  }

  /** Running tasks, for local queries. */
  get tasks(): readonly Task[] {
    return this.#tasks.running
  }

  /** Copies of tasks that others run, for queries that may be answered with an older state. */
  get standbys(): readonly StandbyTask[] {
    return this.#standbys.following
  }

  /** For local queries; undefined while it is not up to date. */
  globalStore(name: string): GlobalStore | undefined {
    return this.#globals.find(name)
  }

  /** Runs until `stop` or `abort`; rejects with what a person has to act on. */
  async run(): Promise<void> {
    let failure: unknown
    try {
      await this.#work()
      await this.#shutDown()
    } catch (error) {
      if (this.#ended.signal.aborted && error instanceof KafkaError) this.#leftUndone(error)
      else failure = error
    }
    await this.#release().catch((error: unknown) => (failure ??= error))
    this.#moveTo(failure === undefined ? 'stopped' : 'failed')
    if (failure !== undefined) throw explained(failure)
  }

  /**
   * While paused (KIP-834) it processes nothing and fires no timers; it commits what is done, stays
   * in its group, restores and follows changelogs.
   */
  readonly pause = (paused: boolean): void => {
    this.#pace.isPaused = paused
    this.#wakeup.notify()
  }

  /** Threads came or went: from now on it may take so much. Open tasks keep what they have. */
  readonly share = (memory: MemoryShare): void => {
    this.#factory.share(memory)
    this.#committer.share(memory)
  }

  /**
   * Asks for a clean shutdown: finish, commit, leave. It takes seconds at most, whatever Kafka
   * does. `forGood`: a static member leaves, too.
   */
  readonly stop = (forGood = false): void => {
    if (this.#isStopping || this.#state === 'failed') return
    this.#leavesForGood = forGood
    this.#stopping.abort()
    this.#moveTo('pending-shutdown')
    this.#wakeup.notify()
    void this.#options.clock.sleep(SHUTDOWN_MAX_MS, this.#ended.signal).then(this.abort)
  }

  /**
   * Stops without a commit and without waiting for Kafka: what is not committed will be done again.
   */
  readonly abort = (): void => {
    this.#ended.abort()
    this.stop()
    // Whoever waits for an acknowledgement gets a failure now, and not when it has timed out.
    void this.#outgoing.close()
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  async #work(): Promise<void> {
    if (this.#isStopping) return
    this.#moveTo('starting')
    await this.#outgoing.start()
    this.#globals.open()
    while (!this.#isStopping) {
      try {
        await this.#turn()
      } catch (error) {
        await this.#recover(error)
      }
    }
  }

  async #turn(): Promise<void> {
    const { clock } = this.#options
    let busy = this.#globals.advance()
    // Until then others may do what this thread would have to hold up.
    if (this.#globals.wasReady) {
      await this.#rebalancer.step()
      if (this.#globals.isReady && this.#tasks.advance()) busy = true
      this.#showState()
    }
    if (this.#pace.mayProcess && this.#turns.take(this.#tasks.running, TURN_MS)) busy = true
    const nowMs = this.#vitals.turned(clock.nowMs())
    if (this.#committer.isDue(this.#tasks.running, nowMs) && this.#pace.mayCommit) {
      await this.#commit()
    }
    if (this.#committer.writeCheckpoint(this.#tasks.running)) busy = true
    if (!this.#restorer.isBusy && this.#standbys.advance(busy)) busy = true
    await this.#outgoing.makeRoom()
    if (busy) await yieldToEventLoop()
    else await this.#wakeup.wait(this.#pace.waitMs)
  }

  async #commit(): Promise<void> {
    const { running } = this.#tasks
    if (await this.#committer.commit(running, this.#outgoing.producer)) {
      this.#failures = 0
      this.#factory.committed(running)
    }
    this.#purge.afterCommit(running)
  }

  async #commitAll(): Promise<void> {
    await this.#commit()
    await this.#committer.checkpoint(this.#tasks.running, this.#outgoing.producer)
  }

  /**
   * Another thread may own our tasks, or a commit's outcome is unknown: forget what is not
   * committed.
   */
  async #abandon(): Promise<void> {
    this.#counters.migrations += 1
    await this.#tasks.close(this.#tasks.ids)
    await this.#outgoing.startAnew()
  }

  async #recover(error: unknown): Promise<void> {
    const { logger, clock, topology } = this.#options
    const recovery = recoveryFrom(error, topology.onFailure)
    if (recovery === 'record' || recovery === 'stop') throw error
    logger.warn({ err: error, reaction: recovery }, 'work since the last commit is abandoned')
    const place = placeOfFailure(error)
    const untrusted: readonly Place[] = place === undefined ? this.#tasks.ids : [place]
    const pauseMs = recoveryPauseMs(this.#failures)
    this.#failures += 1
    await this.#abandon()
    for (const each of untrusted) await this.#distrust(each, recovery, error)
    await clock.sleep(pauseMs, this.#stopping.signal)
    this.#rebalancer.reopen()
  }

  async #distrust(place: Place, recovery: Recovery, error: unknown): Promise<void> {
    if (!isTask(place)) await this.#globals.openAnew(error)
    else if (recovery === 'wipe-and-restore') this.#options.storage.wipe(place)
    else if (recovery === 'without-cache') this.#factory.withoutCache(place)
  }

  async #shutDown(): Promise<void> {
    try {
      await this.#finishRebalance()
      if (this.#pace.mayCommit) await this.#commitAll()
    } catch (error) {
      const recovery = recoveryFrom(error, this.#options.topology.onFailure)
      if (recovery === 'record' || recovery === 'stop') throw error
      this.#leftUndone(error)
    }
  }

  #leftUndone(error: unknown): void {
    this.#options.logger.warn({ err: error }, 'the last commit failed: its work will be done again')
  }

  /** A join that is under way has to end before there can be a commit. */
  async #finishRebalance(): Promise<void> {
    const { clock } = this.#options
    const untilMs = clock.nowMs() + REBALANCE_AT_SHUTDOWN_MS
    while (this.#rebalancer.isJoining && clock.nowMs() < untilMs && !this.#ended.signal.aborted) {
      if (!this.#tasks.running.some((task) => task.needsCommit)) return
      await this.#wakeup.wait(LOOK_AGAIN_MS)
      await this.#rebalancer.step()
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#tasks.close(this.#tasks.ids)
      await this.#standbys.end(this.#membership.member !== undefined)
    } finally {
      if (this.#ended.signal.aborted) await this.#membership.close()
      else await this.#membership.leave(this.#farewell())
      await this.#restorer.close()
      await this.#globals.close()
      await this.#fetcher.close()
      await this.#outgoing.close()
      this.#ended.abort()
    }
  }

  #farewell(): LeaveOptions {
    const reason = this.#isStopping ? 'the thread was stopped' : 'the thread failed'
    return { reason, forGood: this.#leavesForGood }
  }

  #showState(): void {
    if (this.#isStopping) return
    const settled = !this.#rebalancer.isJoining && this.#membership.state === 'stable'
    const allRun = this.#tasks.allRunning && this.#globals.isReady
    this.#moveTo(settled && allRun ? 'running' : 'rebalancing')
  }

  #moveTo(state: ThreadState): void {
    if (state === this.#state) return
    const moves: readonly string[] = threadMoves[this.#state]
    assert(moves.includes(state), `a thread does not move from ${this.#state} to ${state}`)
    this.#state = state
    this.#options.onStateChange(state)
  }
}
