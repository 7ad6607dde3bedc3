import { newThreadCounters } from '../../core/metrics.ts'
import type { TaskId } from '../../core/task-id.ts'
import { Wakeup } from '../../core/wakeup.ts'
import { Fetcher } from '../../kafka/client/fetcher.ts'
import type { SuccessorOf } from '../../kafka/client/generations.ts'
import { GroupMembership } from '../../kafka/client/group-membership.ts'
import { provenPort } from '../../kafka/client/proven-port.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { Committer } from '../commit/committer.ts'
import { GlobalReader } from '../global/global-reader.ts'
import { Restorer } from '../restore/restorer.ts'
import { endablePort } from './endable-port.ts'
import { InputSupply } from './input-supply.ts'
import { globalPlace } from './local-storage.ts'
import { Outgoing } from './outgoing.ts'
import { Pace } from './pace.ts'
import { Rebalancer } from './rebalancer.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { resetPolicies, startPositions, type Positions } from './start-positions.ts'
import { Standbys } from './standbys.ts'
import type { StreamThreadOptions } from './stream-thread.ts'
import { TaskFactory } from './task-factory.ts'
import { TaskRegistry } from './task-registry.ts'
import { Turns } from './turns.ts'
import { Vitals } from './vitals.ts'

export interface ThreadPartsOptions extends StreamThreadOptions {
  /** Aborts when the thread is to stop: then nobody waits for Kafka to be there. */
  readonly stopping: AbortSignal
  /** Aborts when it must have ended: from then on nothing is waited for. */
  readonly ended: AbortSignal
  readonly commit: () => Promise<void>
  readonly commitAll: (of?: readonly TaskId[]) => Promise<void>
  readonly abandon: () => Promise<void>
}

/** What a thread is joined from. */
export class ThreadParts {
  readonly counters = newThreadCounters()
  readonly wakeup: Wakeup
  readonly fetcher: Fetcher
  readonly globals: GlobalReader
  readonly restorer: Restorer
  readonly membership: GroupMembership
  readonly outgoing: Outgoing
  readonly factory: TaskFactory
  readonly tasks: TaskRegistry
  readonly standbys: Standbys
  readonly rebalancer: Rebalancer
  readonly committer: Committer
  readonly purge: RepartitionPurge
  readonly turns: Turns
  readonly vitals: Vitals
  readonly pace: Pace
  readonly #options: ThreadPartsOptions

  constructor(given: ThreadPartsOptions) {
    // At-least-once may do things twice.
    const isExact = given.config.guarantee === 'exactly-once'
    const options = isExact ? { ...given, port: provenPort(given.port) } : given
    this.#options = options
    const { clock, logger, config, topology, storage, stopping } = options
    const { counters } = this
    const { applicationId, threadIndex } = config
    this.wakeup = new Wakeup(clock)
    this.vitals = new Vitals(threadIndex, clock, counters)
    const onEvent = this.wakeup.notify
    const port = endablePort(options.port, options.ended)
    const shared = { port, clock, logger, onArrival: onEvent, onEvent, onProgress: onEvent }
    this.fetcher = new Fetcher({ ...shared, isolation: 'read_committed' })
    this.restorer = new Restorer({ ...shared, counters })
    const place = globalPlace(threadIndex)
    this.globals = new GlobalReader({ ...config, ...shared, topology, storage, place, counters })
    this.membership = this.#member()
    this.outgoing = new Outgoing({ ...shared, config, topology, stopping })
    const work = this.vitals.committing
    const member = () => this.membership.member
    // Before Kafka ends the transaction that is to be committed.
    const patienceMs = config.transactionTimeoutMs / 2
    const successorOf: SuccessorOf = (earlier) => this.membership.successorOf(earlier, patienceMs)
    this.committer = new Committer({ ...config, clock, counters, work, member, successorOf })
    const resetOf = resetPolicies(topology, applicationId)
    const positions: Positions = { port, clock, logger, applicationId, resetOf }
    const until = config.until ?? {}
    const supply = new InputSupply({ fetcher: this.fetcher, positions, until, onEvent })
    this.tasks = new TaskRegistry({
      ...shared,
      counters,
      supply,
      restorer: this.restorer,
      storage,
      startPositions: (sources) => startPositions(positions, sources),
      prepareOutputs: () => this.outgoing.prepare(),
      createTask: (plan, backend) => this.factory.create(plan, backend, this.tasks.ids),
    })
    this.factory = this.#taskFactory(supply)
    this.standbys = new Standbys({ ...config, ...shared, topology, storage, counters })
    const { processing, punctuating } = this.vitals
    this.turns = new Turns(clock, this.outgoing.isFull, processing, punctuating)
    this.purge = new RepartitionPurge({ port, clock, logger, topology, applicationId })
    this.rebalancer = this.#rebalancer(port)
    this.pace = new Pace(config, clock, this)
  }

  #member(): GroupMembership {
    const { config } = this.#options
    return new GroupMembership({
      ...config,
      // Not the port that can be ended: leaving the group is the last thing it does, and waits for
      // seconds at most.
      ...this.#options,
      isStuck: () => this.vitals.sinceTurnMs >= config.maxPollIntervalMs,
      onEvent: this.wakeup.notify,
      groupId: config.applicationId,
      protocolName: 'millrace',
    })
  }

  #taskFactory(supply: InputSupply): TaskFactory {
    return new TaskFactory({
      ...this.#options,
      supply,
      globalStore: this.globals.store,
      collector: this.outgoing.collector,
      counters: this.counters,
      onCommitRequest: this.committer.request,
    })
  }

  #rebalancer(port: KafkaPort): Rebalancer {
    return new Rebalancer({
      ...this.#options,
      ...this.#options.config,
      port,
      fleet: this.#options.config,
      membership: this.membership,
      tasks: this.tasks,
      standbys: this.standbys,
      counters: this.counters,
      onEvent: this.wakeup.notify,
      proveCoordinator: this.outgoing.proveCoordinator,
      onGone: this.outgoing.endTransactionsOf,
    })
  }
}
