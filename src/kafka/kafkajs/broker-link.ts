import type { ProtocolRequest } from '../wire/protocol-request.ts'
import { BrokerSession, type SessionDeps } from './broker-session.ts'
import type { BrokerAddress } from './connection-settings.ts'
import { networkError } from './kafkajs-errors.ts'

interface Current {
  readonly session: BrokerSession
  /** Everybody waits for the same promise: requests keep their order also while connecting. */
  readonly ready: Promise<BrokerSession>
}

/**
 * The way to one broker: a session that is opened when it is needed, and again after it broke.
 * Requests are pipelined in the order in which they were given, and answered in that order.
 */
export class BrokerLink {
  readonly #address: BrokerAddress
  readonly #deps: SessionDeps
  #current: Current | undefined
  #closed = false
  #underWay = 0

  constructor(address: BrokerAddress, deps: SessionDeps) {
    this.#address = address
    this.#deps = deps
  }

  get isOpen(): boolean {
    return this.#current?.session.isOpen === true
  }

  get isUnused(): boolean {
    return !this.isOpen && this.#underWay === 0
  }

  /** Requests that wait for an answer. */
  get underWay(): number {
    return this.#underWay
  }

  async send<T>(request: ProtocolRequest<T>): Promise<T> {
    this.#underWay += 1
    try {
      const session = await this.open()
      return await session.send(request)
    } finally {
      this.#underWay -= 1
    }
  }

  open(): Promise<BrokerSession> {
    if (this.#closed) return Promise.reject(networkError('the client was closed'))
    if (this.#current === undefined || this.#current.session.isOver) {
      const session = new BrokerSession(this.#address, this.#deps)
      this.#current = { session, ready: session.open().then(() => session) }
    } else if (this.#current.session.mustAuthenticate) {
      const { session } = this.#current
      this.#current = { session, ready: session.authenticate().then(() => session) }
    }
    return this.#current.ready
  }

  close(): void {
    this.#closed = true
    this.#current?.session.end('the client was closed')
  }
}
