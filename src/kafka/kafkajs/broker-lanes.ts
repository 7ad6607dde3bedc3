import type { ProtocolRequest } from '../wire/protocol-request.ts'
import type { BrokerLink } from './broker-link.ts'

/**
 * Links to one broker for requests that it may hold back: one request at a time on each, a new link
 * when all are taken. A broker answers in order, so on a shared link a fetch that waits for records
 * would hold up a heartbeat, and the JoinGroup of one member that of the other it waits for.
 */
export class BrokerLanes {
  readonly #makeLink: () => BrokerLink
  readonly #links: BrokerLink[] = []
  readonly #idle: BrokerLink[] = []
  #closed = false

  constructor(makeLink: () => BrokerLink) {
    this.#makeLink = makeLink
  }

  get isUnused(): boolean {
    return this.#links.every((link) => link.isUnused)
  }

  async send<T>(request: ProtocolRequest<T>): Promise<T> {
    const link = this.#idle.pop() ?? this.#addLink()
    try {
      return await link.send(request)
    } finally {
      this.#idle.push(link)
    }
  }

  close(): void {
    this.#closed = true
    for (const link of this.#links) link.close()
  }

  #addLink(): BrokerLink {
    const link = this.#makeLink()
    if (this.#closed) link.close()
    this.#links.push(link)
    return link
  }
}
