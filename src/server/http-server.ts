import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { isStreamsError, messageOf, StreamsError, type ErrorCode } from '../core/errors.ts'
import type { Address } from './address.ts'
import { isBearer } from './bearer-token.ts'

/** Who asks is a probe, a scraper, an instance or a person: more at once is a mistake. */
const CONNECTIONS_MAX = 256
/** For a request to arrive. */
const REQUEST_TIMEOUT_MS = 10_000

export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** What a path is asked for; a word in braces stands for a part of the path. */
export interface Route {
  /** For example `/stores/{name}`. */
  readonly path: string
  /** Answered without a token too, where one is needed: for probes. */
  readonly isOpen?: true
  readonly answer: (
    parts: Readonly<Record<string, string>>,
    query: URLSearchParams,
  ) => Reply | Promise<Reply>
}

export const json = (status: number, value: unknown): Reply => ({
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
})

/** An HTTP server that only reads: GET and HEAD of a few paths. */
export class HttpServer {
  readonly #server: Server
  /** None until what they ask about is there. */
  #routes: readonly Route[] | undefined
  #token: string | undefined

  private constructor() {
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
      void this.#respond(request, response)
    })
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** Rejects with `HTTP_ADDRESS_UNUSABLE`, of a busy port for example. */
  static async listen({ host, port }: Address): Promise<HttpServer> {
    const http = new HttpServer()
    const listening = Promise.withResolvers<void>()
    http.#server.once('error', (error) => listening.reject(unusable(host, port, error)))
    http.#server.listen({ host, port, exclusive: true }, () => listening.resolve())
    await listening.promise
    return http
  }

  /** Where it is reached, for example `http://127.0.0.1:8080`. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** Where there is a token, who asks has to show it. */
  serve(routes: readonly Route[], token?: string): void {
    this.#token = token
    this.#routes = routes
  }

  /** Connections that wait for an answer are cut off. */
  async close(): Promise<void> {
    const closed = Promise.withResolvers<void>()
    this.#server.close(() => closed.resolve())
    this.#server.closeAllConnections()
    await closed.promise
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await this.#replyTo(request)
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #replyTo({ method, url = '/', headers }: IncomingMessage): Promise<Reply> {
    if (method !== 'GET' && method !== 'HEAD') return problem(405, 'only GET and HEAD are answered')
    if (this.#routes === undefined) return problem(503, 'the application is about to start')
    const [path = '/', query = ''] = url.split(/\?(.*)/s)
    for (const route of this.#routes) {
      const parts = partsOf(route.path, path)
      if (parts === undefined) continue
      if (!this.#mayAsk(route, headers)) return problem(401, 'a bearer token is needed')
      try {
        return await route.answer(parts, new URLSearchParams(query))
      } catch (error) {
        return replyToError(error)
      }
    }
    return problem(404, `there is nothing at ${path}`)
  }

  #mayAsk({ isOpen }: Route, { authorization }: IncomingHttpHeaders): boolean {
    return this.#token === undefined || isOpen === true || isBearer(authorization, this.#token)
  }
}

/** What stands in the path for the words in braces; undefined where it is another path. */
function partsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [words, given] = [pattern.split('/'), path.split('/')]
  if (words.length !== given.length) return undefined
  const parts: Record<string, string> = {}
  for (const [i, word] of words.entries()) {
    const name = /^\{(.+)\}$/.exec(word)?.[1]
    if (name === undefined && word !== given[i]) return undefined
    if (name === undefined) continue
    try {
      parts[name] = decodeURIComponent(given[i] as string)
    } catch {
      return undefined
    }
  }
  return parts
}

const statuses: Partial<Record<ErrorCode, number>> = {
  STORE_MISSING: 404,
  STORE_UNAVAILABLE: 503,
  INVALID_CONFIG: 400,
  SERDE_FAILED: 400,
}

function replyToError(error: unknown): Reply {
  if (!isStreamsError(error)) return problem(500, messageOf(error))
  const { code, message, hint } = error
  return json(statuses[code] ?? 500, { error: { code, message, hint } })
}

const problem = (status: number, message: string): Reply => json(status, { error: { message } })

function unusable(host: string, port: number, cause: Error): StreamsError {
  const isBusy = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
  return new StreamsError('HTTP_ADDRESS_UNUSABLE', {
    message: isBusy
      ? `HTTP cannot be served at ${host}:${port}: something else listens there`
      : `HTTP cannot be served at ${host}:${port}: ${cause.message}`,
    hint: 'Choose another address (--http), or port 0 for any that is free.',
    cause,
  })
}
