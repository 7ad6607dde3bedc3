import { messageOf } from '../../core/errors.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { KafkaError } from '../port.ts'
import type { ProtocolRequest } from '../wire/protocol-request.ts'
import { Broker, type Channel } from './broker.ts'
import type { BrokerLink } from './broker-link.ts'
import type { SessionDeps } from './broker-session.ts'
import { addressText, type BrokerAddress } from './connection-settings.ts'
import { networkError, notConnected } from './kafkajs-errors.ts'
import { findCoordinatorRequest, type CoordinatorType } from './requests/find-coordinator.ts'
import { metadataRequest, type ClusterMetadata } from './requests/metadata.ts'

/** The brokers of a cluster: where they are, who leads what, who coordinates whom. */
export class Cluster {
  readonly #deps: SessionDeps
  /** By address: a broker that moved is another one. */
  readonly #brokers = new Map<string, Broker>()
  #nodes: ReadonlyMap<number, BrokerAddress> = new Map()
  #controllerId = -1
  readonly #leaders = new Map<string, number>()
  readonly #coordinators = new Map<string, number>()
  #connected = false
  #closed = false

  constructor(deps: SessionDeps) {
    this.#deps = deps
  }

  get nodeIds(): readonly number[] {
    return [...this.#nodes.keys()]
  }

  /** Resolves to the `transaction.version` that the cluster has finalized. */
  async connect(): Promise<number> {
    const session = await (await this.#reachable()).open()
    this.#connected = true
    await this.metadata([])
    return session.transactionVersion
  }

  close(): void {
    this.#closed = true
    for (const broker of this.#brokers.values()) broker.close()
  }

  /** Asks any broker, and remembers the answer. */
  async metadata(topics: readonly string[] | 'all'): Promise<ClusterMetadata> {
    const answer = await this.toAny(metadataRequest(topics))
    // A broker that is only starting knows no brokers yet.
    if (answer.nodes.size > 0) this.#nodes = answer.nodes
    this.#controllerId = answer.controllerId
    this.#forgetUnused()
    // Who lists all topics does not mean to use them all.
    for (const [topic, { partitions }] of topics === 'all' ? [] : answer.topics) {
      for (const { id, leader } of partitions) {
        this.#leaders.set(topicPartitionKey(topic, id), leader)
      }
    }
    return answer
  }

  async toAny<T>(request: ProtocolRequest<T>): Promise<T> {
    this.#checkConnected()
    const link = await this.#reachable()
    return link.send(request)
  }

  async toNode<T>(
    node: number,
    request: ProtocolRequest<T>,
    channel: Channel = 'main',
  ): Promise<T> {
    this.#checkConnected()
    const address = this.#nodes.get(node)
    if (address === undefined) {
      const message = `no broker with id ${node} is known`
      throw new KafkaError('BROKER_NOT_AVAILABLE', 'stale-metadata', message)
    }
    try {
      return await this.#broker(address).send(request, channel)
    } catch (error) {
      if (error instanceof KafkaError && error.kind === 'network') this.#distrust(node)
      throw error
    }
  }

  /** Brokers with KRaft take an admin's request anywhere; older ones only at the controller. */
  async toController<T>(request: ProtocolRequest<T>): Promise<T> {
    if (!this.#nodes.has(this.#controllerId)) await this.metadata([])
    if (!this.#nodes.has(this.#controllerId)) return this.toAny(request)
    try {
      return await this.toNode(this.#controllerId, request)
    } catch (error) {
      this.#controllerId = -1
      throw error
    }
  }

  async toCoordinator<T>(
    type: CoordinatorType,
    key: string,
    request: ProtocolRequest<T>,
    channel: Channel = 'main',
  ): Promise<T> {
    const cached = `${type} ${key}`
    const node = this.#coordinators.get(cached) ?? (await this.#findCoordinator(type, key))
    try {
      return await this.toNode(node, request, channel)
    } catch (error) {
      if (error instanceof KafkaError && isCoordinatorGone(error)) this.#coordinators.delete(cached)
      throw error
    }
  }

  /** One request to each leader, asking for leaders that are not known. */
  async toLeaders<P extends TopicPartition, T>(
    partitions: readonly P[],
    requestFor: (led: readonly P[]) => ProtocolRequest<T>,
  ): Promise<readonly T[]> {
    const byLeader = await this.#byLeader(partitions)
    const asking = [...byLeader].map(async ([leader, led]) => {
      try {
        return await this.toNode(leader, requestFor(led))
      } catch (error) {
        if (error instanceof KafkaError && error.kind === 'stale-metadata') {
          for (const each of led) this.#leaders.delete(keyOf(each))
        }
        throw error
      }
    })
    return Promise.all(asking)
  }

  async #byLeader<P extends TopicPartition>(
    partitions: readonly P[],
  ): Promise<ReadonlyMap<number, readonly P[]>> {
    const leaderOf = (each: TopicPartition): number => this.#leaders.get(keyOf(each)) ?? -1
    const homeless = partitions.filter((each) => leaderOf(each) === -1)
    if (homeless.length > 0) await this.metadata([...new Set(homeless.map(({ topic }) => topic))])
    const byLeader = new Map<number, P[]>()
    for (const each of partitions) {
      const leader = leaderOf(each)
      if (leader === -1) throw leaderless(keyOf(each), this.#leaders)
      entry(byLeader, leader, () => []).push(each)
    }
    return byLeader
  }

  async #findCoordinator(type: CoordinatorType, key: string): Promise<number> {
    const { node, address } = await this.toAny(findCoordinatorRequest(type, key))
    this.#nodes = new Map([...this.#nodes, [node, address]])
    this.#coordinators.set(`${type} ${key}`, node)
    return node
  }

  #checkConnected(): void {
    if (this.#closed) throw networkError('the client was closed')
    if (!this.#connected) throw notConnected()
  }

  /** What we believed about a broker that broke off may be out of date. */
  #distrust(node: number): void {
    for (const known of [this.#leaders, this.#coordinators]) {
      for (const [key, each] of known) if (each === node) known.delete(key)
    }
  }

  /** What is open, else what can be opened: of the known brokers, then of the bootstrap list. */
  async #reachable(): Promise<BrokerLink> {
    // The least busy, so that one broker that hangs does not get every request.
    const [open] = [...this.#brokers.values()]
      .map(({ main }) => main)
      .filter((link) => link.isOpen)
      .sort((left, right) => left.underWay - right.underWay)
    if (open !== undefined) return open
    const addresses = this.#addresses()
    const failures: string[] = []
    for (const address of addresses.values()) {
      if (this.#closed) throw networkError('the client was closed')
      const link = this.#broker(address).main
      try {
        await link.open()
        return link
      } catch (error) {
        if (!(error instanceof KafkaError) || error.kind !== 'network') throw error
        failures.push(messageOf(error))
      }
    }
    throw networkError(
      `no broker answers at ${[...addresses.keys()].join(', ')}: ${failures.join('; ')}`,
    )
  }

  #addresses(): ReadonlyMap<string, BrokerAddress> {
    const all = [...this.#nodes.values(), ...this.#deps.settings.brokers]
    return new Map(all.map((address) => [addressText(address), address]))
  }

  #broker(address: BrokerAddress): Broker {
    return entry(this.#brokers, addressText(address), () => new Broker(address, this.#deps))
  }

  /** Where brokers come and go under new addresses, the old ones would pile up. */
  #forgetUnused(): void {
    const addresses = this.#addresses()
    for (const [address, broker] of this.#brokers) {
      if (!addresses.has(address) && broker.isUnused) this.#brokers.delete(address)
    }
  }
}

const isCoordinatorGone = ({ kind, code }: KafkaError): boolean =>
  kind === 'network' ||
  kind === 'stale-metadata' ||
  code === 'NOT_COORDINATOR' ||
  code === 'COORDINATOR_NOT_AVAILABLE'

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)

const leaderless = (key: string, leaders: ReadonlyMap<string, number>): KafkaError =>
  leaders.has(key)
    ? new KafkaError('LEADER_NOT_AVAILABLE', 'stale-metadata', `${key} has no leader`)
    : new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'stale-metadata', `${key} does not exist`)

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
