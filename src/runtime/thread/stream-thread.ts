import type { Clock } from '../../core/clock.ts'
import { assert } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { TaskId } from '../../core/task-id.ts'
import { yieldToEventLoop } from '../../core/yield.ts'
import type { LeaveOptions } from '../../kafka/client/group-membership.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import type { RemoteSerde } from '../../serde/registry/remote-serde.ts'
import type { Topology } from '../../topology/topology.ts'
import type { GroupView } from '../assignment/subscription.ts'
import type { GlobalStore } from '../global/global-store.ts'
import { explained } from '../reaction.ts'
import { placeOfFailure } from '../task/failed-task.ts'
import type { Task } from '../task/task.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import { isTask, type LocalStorage, type Place } from './local-storage.ts'
import type { StandbyCopy } from './standbys.ts'
import { recoveryFrom, recoveryPauseMs, type Recovery } from './recovery.ts'
import type { MemoryShare, ThreadConfig } from './thread-config.ts'
import type { ThreadSnapshot } from './thread-snapshot.ts'
import { ThreadParts } from './thread-parts.ts'
import { threadMoves, type ThreadState } from './thread-state.ts'

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
  /** The group's leader has said who there is and what they have. */
  readonly onGroup?: (group: GroupView) => void
}

/**
 * One group member, one producer and the tasks it was given, driven by one loop that reads like the
 * manual: global stores → membership → restore → process → punctuate → commit → wait.
 */
export class StreamThread {
  readonly #options: StreamThreadOptions
  readonly #parts: ThreadParts
  readonly #stopping = new AbortController()
  /** From then on nothing is waited for. */
  readonly #ended = new AbortController()
  /** In a row, without a commit in between. */
  #failures = 0
  #state: ThreadState = 'created'
  /** It is not coming back, and a static member says so to the group. */
  #leavesForGood = false

  constructor(options: StreamThreadOptions) {
    this.#options = options
    this.#parts = new ThreadParts({
      ...options,
      stopping: this.#stopping.signal,
      ended: this.#ended.signal,
      commit: () => this.#commit(),
      commitAll: (of) => this.#commitAll(of),
      abandon: () => this.#abandon(),
    })
  }

  get state(): ThreadState {
    return this.#state
  }

  snapshot(): ThreadSnapshot {
    return this.#parts.vitals.snapshot(this.#parts, this.#state)
  }

  /** Running tasks, for local queries. */
  get tasks(): readonly Task[] {
    return this.#parts.tasks.running
  }

  /** Copies of tasks that others run, for queries that may be answered with an older state. */
  standbysOf(store: string): readonly StandbyCopy[] {
    return this.#parts.standbys.copiesOf(store)
  }

  /** For local queries; undefined while it is not up to date. */
  globalStore(name: string): GlobalStore | undefined {
    return this.#parts.globals.find(name)
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
    this.#parts.pace.isPaused = paused
    this.#parts.wakeup.notify()
  }

  /** Threads came or went: from now on it may take so much. Open tasks keep what they have. */
  readonly share = (memory: MemoryShare): void => {
    this.#parts.factory.share(memory)
    this.#parts.committer.share(memory)
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
    this.#parts.wakeup.notify()
    void this.#options.clock.sleep(SHUTDOWN_MAX_MS, this.#ended.signal).then(this.abort)
  }

  /**
   * Stops without a commit and without waiting for Kafka: what is not committed will be done again.
   */
  readonly abort = (): void => {
    this.#ended.abort()
    this.stop()
    // Whoever waits for an acknowledgement gets a failure now, and not when it has timed out.
    void this.#parts.outgoing.close()
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  async #work(): Promise<void> {
    if (this.#isStopping) return
    this.#moveTo('starting')
    const { processId, instanceId } = this.#options.config
    this.#options.logger.info({ process: processId, instanceId }, 'thread starting')
    await this.#parts.outgoing.start()
    this.#parts.globals.open()
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
    let busy = this.#parts.globals.advance()
    // Until then others may do what this thread would have to hold up.
    if (this.#parts.globals.wasReady) {
      await this.#parts.rebalancer.step()
      if (this.#parts.globals.isReady && this.#parts.tasks.advance()) busy = true
      this.#showState()
    }
    if (this.#parts.pace.mayProcess && this.#parts.turns.take(this.#parts.tasks.running, TURN_MS))
      busy = true
    const nowMs = this.#parts.vitals.turned(clock.nowMs())
    if (
      this.#parts.committer.isDue(this.#parts.tasks.running, nowMs) &&
      this.#parts.pace.mayCommit
    ) {
      await this.#commit()
    }
    if (this.#parts.committer.writeCheckpoint(this.#parts.tasks.running)) busy = true
    if (!this.#parts.restorer.isBusy && this.#parts.standbys.advance(busy)) busy = true
    await this.#parts.outgoing.makeRoom()
    if (busy) await yieldToEventLoop()
    else await this.#parts.vitals.waiting(this.#parts.wakeup.wait(this.#parts.pace.waitMs))
  }

  async #commit(): Promise<void> {
    const { running } = this.#parts.tasks
    if (await this.#parts.committer.commit(running, this.#parts.outgoing.producer)) {
      this.#failures = 0
      this.#parts.factory.committed(running)
    }
    this.#parts.purge.afterCommit(running)
  }

  /** And checkpoints these tasks; default: all. */
  async #commitAll(of?: readonly TaskId[]): Promise<void> {
    await this.#commit()
    const { tasks, committer, outgoing } = this.#parts
    const given = tasks.running.filter(({ id }) => of?.includes(id) ?? true)
    await committer.checkpoint(given, outgoing.producer)
  }

  /**
   * Another thread may own our tasks, or a commit's outcome is unknown: forget what is not
   * committed.
   */
  async #abandon(): Promise<void> {
    this.#parts.counters.migrations += 1
    await this.#parts.tasks.close(this.#parts.tasks.ids)
    await this.#parts.outgoing.startAnew()
  }

  async #recover(error: unknown): Promise<void> {
    const { logger, clock, topology } = this.#options
    const recovery = recoveryFrom(error, topology.onFailure)
    if (recovery === 'record' || recovery === 'stop') throw error
    logger.warn({ err: error, reaction: recovery }, 'work since the last commit is abandoned')
    const place = placeOfFailure(error)
    const untrusted: readonly Place[] = place === undefined ? this.#parts.tasks.ids : [place]
    const pauseMs = recoveryPauseMs(this.#failures)
    this.#failures += 1
    await this.#abandon()
    for (const each of untrusted) await this.#distrust(each, recovery, error)
    await clock.sleep(pauseMs, this.#stopping.signal)
    this.#parts.rebalancer.reopen()
  }

  async #distrust(place: Place, recovery: Recovery, error: unknown): Promise<void> {
    if (!isTask(place)) await this.#parts.globals.openAnew(error)
    else if (recovery === 'wipe-and-restore') this.#options.storage.wipe(place)
    else if (recovery === 'without-cache') this.#parts.factory.withoutCache(place)
  }

  async #shutDown(): Promise<void> {
    try {
      await this.#finishRebalance()
      if (this.#parts.pace.mayCommit) await this.#commitAll()
    } catch (error) {
      const recovery = recoveryFrom(error, this.#options.topology.onFailure)
      if (recovery === 'record' || recovery === 'stop') throw error
      this.#leftUndone(error)
    }
  }

  #leftUndone(error: unknown): void {
    this.#options.logger.warn({ err: error }, 'the last commit failed: its work will be done again')
  }

  /** A join that is about to end has to, before there can be a commit. */
  async #finishRebalance(): Promise<void> {
    const { clock } = this.#options
    const untilMs = clock.nowMs() + REBALANCE_AT_SHUTDOWN_MS
    while (
      this.#parts.rebalancer.isJoining &&
      !this.#parts.pace.mayCommit &&
      clock.nowMs() < untilMs &&
      !this.#ended.signal.aborted
    ) {
      if (!this.#parts.tasks.running.some((task) => task.needsCommit)) return
      await this.#parts.wakeup.wait(LOOK_AGAIN_MS)
      await this.#parts.rebalancer.step()
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#parts.tasks.close(this.#parts.tasks.ids)
      await this.#parts.standbys.end(this.#parts.membership.member !== undefined)
    } finally {
      if (this.#ended.signal.aborted) await this.#parts.membership.close()
      else await this.#parts.membership.leave(this.#farewell())
      await this.#parts.restorer.close()
      await this.#parts.globals.close()
      await this.#parts.fetcher.close()
      await this.#parts.outgoing.close()
      this.#ended.abort()
    }
  }

  #farewell(): LeaveOptions {
    const reason = this.#isStopping ? 'the thread was stopped' : 'the thread failed'
    return { reason, forGood: this.#leavesForGood }
  }

  #showState(): void {
    if (this.#isStopping) return
    const settled = !this.#parts.rebalancer.isJoining && this.#parts.membership.state === 'stable'
    const allRun = this.#parts.tasks.allRunning && this.#parts.globals.isReady
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
