import { isIP, connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import Connection, { type SocketFactoryOptions } from 'kafkajs/src/network/connection.js'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { KafkaError } from '../port.ts'
import { encodeFrame, isFlexible, type ProtocolRequest, apis } from '../wire/protocol-request.ts'
import { ProtocolReader } from '../wire/protocol-reader.ts'
import { addressText, type BrokerAddress, type ConnectionSettings } from './connection-settings.ts'
import { kafkajsSasl } from './kafkajs-sasl.ts'
import { kafkaErrorOf, networkError } from './kafkajs-errors.ts'
import { kafkajsLogger } from './kafkajs-logger.ts'
import { apiVersionsRequest, type BrokerVersions } from './requests/api-versions.ts'

const KEEP_ALIVE_MS = 60_000

export interface SessionDeps {
  readonly settings: ConnectionSettings
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * connecting → open → over. One socket to one broker, used once: whatever goes wrong ends it,
 * every request under way fails with kind `network`, and the link makes another.
 *
 * kafkajs gives the connection: framing, correlation, timeouts, throttling, SASL. Requests skip its
 * encoder, which copies every byte three times, and go to its queue as one finished frame.
 */
export class BrokerSession {
  readonly #broker: string
  readonly #deps: SessionDeps
  readonly #connection: Connection
  #socket: Socket | undefined
  #versions: BrokerVersions = { ranges: {}, transactionVersion: 0 }
  #isOpen = false
  #hasAnswered = false
  /** Why it ended. */
  #over: string | undefined

  constructor(address: BrokerAddress, deps: SessionDeps) {
    const { settings, logger } = deps
    this.#broker = addressText(address)
    this.#deps = deps
    this.#connection = new Connection({
      ...address,
      logger: kafkajsLogger(logger),
      socketFactory: (options) => this.#openSocket(options),
      clientId: settings.clientId,
      requestTimeout: settings.requestTimeoutMs,
      connectionTimeout: settings.connectTimeoutMs,
      ssl: settings.tls,
      sasl: kafkajsSasl(settings.sasl),
    })
    stopIdleTimer(this.#connection)
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.isOver
  }

  get isOver(): boolean {
    return this.#over !== undefined
  }

  get transactionVersion(): number {
    return this.#versions.transactionVersion
  }

  /** True when the broker will soon drop us unless we authenticate again (KIP-368). */
  get mustAuthenticate(): boolean {
    return this.isOpen && this.#deps.settings.sasl !== null && !this.#connection.isAuthenticated()
  }

  async authenticate(): Promise<void> {
    try {
      await this.#connection.authenticate()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  send<T>(request: ProtocolRequest<T>): Promise<T> {
    return this.#exchange(request, this.#versionFor(request))
  }

  /** Every request under way fails, as does every later one. */
  end(reason: string): void {
    this.#over ??= reason
    // kafkajs hears the error, fails its requests and stops its timers.
    this.#socket?.destroy(new Error(reason))
  }

  /** Connects, asks for the versions that the broker speaks, and authenticates. */
  async open(): Promise<void> {
    const { settings, clock } = this.#deps
    const limitMs = Math.min(settings.connectTimeoutMs, settings.requestTimeoutMs)
    const done = new AbortController()
    const deadline = clock.sleep(limitMs, done.signal).then(() => {
      if (!done.signal.aborted) this.end(`no connection within ${limitMs} ms`)
    })
    try {
      await this.#connection.connect()
      this.#versions = await this.#exchange(apiVersionsRequest, apiVersionsRequest.versions[1])
      this.#connection.setVersions(this.#versions.ranges)
      this.#connection.setSupportAuthenticationProtocol(true)
      await this.#connection.authenticate()
      this.#isOpen = true
    } catch (error) {
      throw this.#failed(error)
    } finally {
      done.abort()
      await deadline
    }
  }

  async #exchange<T>(request: ProtocolRequest<T>, version: number): Promise<T> {
    const { api } = request
    try {
      const payload = await this.#ask(request, version)
      const reader = new ProtocolReader(payload, isFlexible(api, version))
      // The header of an answer to ApiVersions has no tagged fields: any client can read it.
      if (api !== apis.apiVersions) {
        reader.tags()
        this.#hasAnswered = true
      }
      try {
        return request.decode(reader, version)
      } finally {
        this.#connection.requestQueue.maybeThrottle(reader.throttledMs)
      }
    } catch (error) {
      if (error instanceof KafkaError) throw error
      throw this.#failed(error)
    }
  }

  #ask(request: ProtocolRequest<unknown>, version: number): Promise<Buffer> {
    const connection = this.#connection
    const { api, heldMs = 0 } = request
    const { clientId, requestTimeoutMs } = this.#deps.settings
    const correlationId = connection.nextCorrelationId()
    const frame = encodeFrame(request, version, correlationId, clientId)
    return new Promise((resolve, reject) => {
      const socket = this.#socket
      if (socket === undefined || this.isOver || !connection.isConnected()) {
        reject(networkError(`${this.#broker}: ${this.#over ?? 'not connected'}`))
        this.end('not connected')
        return
      }
      connection.requestQueue.push({
        entry: {
          apiKey: api.key,
          apiName: api.name,
          apiVersion: version,
          correlationId,
          resolve: ({ payload }) => resolve(payload),
          reject,
        },
        expectResponse: true,
        requestTimeout: requestTimeoutMs + heldMs,
        sendRequest: () => void socket.write(frame),
      })
    })
  }

  #versionFor({ api, versions: [oldest, newest] }: ProtocolRequest<unknown>): number {
    const offered = this.#versions.ranges[api.key]
    const version = Math.min(newest, offered?.maxVersion ?? -1)
    if (version < Math.max(oldest, offered?.minVersion ?? 0)) {
      throw new KafkaError(
        'UNSUPPORTED_VERSION',
        'fatal',
        `${this.#broker} does not speak ${api.name} ${oldest}: Millrace needs Kafka 2.5 or later`,
      )
    }
    return version
  }

  /** Not trusted again after a failure: an answer that is late must not keep others waiting. */
  #failed(error: unknown): KafkaError {
    const broken = this.#over
    const failure = kafkaErrorOf(error, this.#broker)
    this.end(failure.message)
    // kafkajs takes a connection that broke during SASL for refused credentials.
    const isBreak = failure.kind === 'network' || failure.code === 'SASL_AUTHENTICATION_FAILED'
    return broken !== undefined && isBreak
      ? networkError(`${this.#broker}: ${broken}`, error)
      : failure
  }

  /** What a listener does to a client that speaks another protocol than its own. */
  #closedByBroker(): string {
    const hint = this.#hasAnswered ? '' : ' at once: does this listener want TLS or SASL?'
    return `the broker closed the connection${hint}`
  }

  #openSocket({ host, port, ssl, onConnect }: SocketFactoryOptions): Socket {
    const name = isIP(host) === 0 ? { servername: host } : {}
    const socket =
      ssl === null
        ? connectTcp({ host, port }, onConnect)
        : connectTls({ host, port, ...name, ...ssl }, onConnect)
    // Requests are small and pipelined: Nagle's algorithm would hold each back for an answer.
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('end', () => (this.#over ??= this.#closedByBroker()))
    socket.on('error', (error) => (this.#over ??= error.message))
    socket.on('close', () => (this.#over ??= 'the connection was closed'))
    this.#socket = socket
    return socket
  }
}

/**
 * With nothing to wait for, kafkajs 2.2.4 asks its queue again and again with a negative delay: a
 * loop of 1 ms for every connection (its issues 1704 and 1751).
 */
function stopIdleTimer({ requestQueue }: Connection): void {
  const schedule = requestQueue.scheduleCheckPendingRequests
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.pending.length > 0) schedule.call(requestQueue)
  }
}
