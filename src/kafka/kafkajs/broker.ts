import type { ProtocolRequest } from '../wire/protocol-request.ts'
import { BrokerLanes } from './broker-lanes.ts'
import { BrokerLink } from './broker-link.ts'
import type { SessionDeps } from './broker-session.ts'
import type { BrokerAddress } from './connection-settings.ts'

/**
 * Requests of different classes never share a connection, because a broker answers in order.
 * - `fetch`, `group`: held back by the broker on purpose; see {@link BrokerLanes}. They do not
 *   share lanes, so that a fetch quota (KIP-219) never holds up a heartbeat.
 * - `main`: everything else, pipelined on one connection.
 */
export type Channel = 'main' | 'fetch' | 'group'

/** Everything that leads to one broker. */
export class Broker {
  readonly main: BrokerLink
  readonly #lanes: Readonly<Record<Exclude<Channel, 'main'>, BrokerLanes>>

  constructor(address: BrokerAddress, deps: SessionDeps) {
    const makeLink = (): BrokerLink => new BrokerLink(address, deps)
    this.main = makeLink()
    this.#lanes = { fetch: new BrokerLanes(makeLink), group: new BrokerLanes(makeLink) }
  }

  /** Nothing is open and nothing is under way. */
  get isUnused(): boolean {
    const { fetch, group } = this.#lanes
    return this.main.isUnused && fetch.isUnused && group.isUnused
  }

  send<T>(request: ProtocolRequest<T>, channel: Channel): Promise<T> {
    return channel === 'main' ? this.main.send(request) : this.#lanes[channel].send(request)
  }

  close(): void {
    this.main.close()
    this.#lanes.fetch.close()
    this.#lanes.group.close()
  }
}
