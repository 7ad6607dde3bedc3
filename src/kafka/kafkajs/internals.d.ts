/** The one piece of kafkajs 2.2.4 that we build on, a connection to a broker, has no types. */
declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net'
  import type { ConnectionOptions } from 'node:tls'

  type Log = (message: string, extra?: object) => void

  export interface KafkajsLogger {
    readonly info: Log
    readonly warn: Log
    readonly error: Log
    readonly debug: Log
    readonly namespace: (name: string) => KafkajsLogger
  }

  export interface KafkajsSasl {
    readonly mechanism: string
    readonly username?: string
    readonly password?: string
    readonly oauthBearerProvider?: () => Promise<{ value: string }>
  }

  export interface SocketFactoryOptions {
    readonly host: string
    readonly port: number
    readonly ssl: ConnectionOptions | null
    readonly onConnect: () => void
  }

  export interface QueuedRequest {
    readonly entry: {
      readonly apiKey: number
      readonly apiName: string
      readonly apiVersion: number
      readonly correlationId: number
      readonly resolve: (answer: { readonly payload: Buffer }) => void
      readonly reject: (error: Error) => void
    }
    readonly expectResponse: boolean
    /** Only ever raises the time that the connection was made with. */
    readonly requestTimeout: number
    readonly sendRequest: () => void
  }

  export interface RequestQueue {
    readonly pending: readonly unknown[]
    scheduleCheckPendingRequests: () => void
    push(request: QueuedRequest): void
    maybeThrottle(ms: number): void
  }

  export default class Connection {
    constructor(options: {
      host: string
      port: number
      logger: KafkajsLogger
      socketFactory: (options: SocketFactoryOptions) => Socket
      clientId: string
      requestTimeout: number
      connectionTimeout: number
      ssl: ConnectionOptions | null
      sasl: KafkajsSasl | null
    })

    readonly requestQueue: RequestQueue
    connect(): Promise<true>
    authenticate(): Promise<void>
    isConnected(): boolean
    isAuthenticated(): boolean
    nextCorrelationId(): number
    setVersions(versions: object): void
    setSupportAuthenticationProtocol(isSupported: boolean): void
  }
}
