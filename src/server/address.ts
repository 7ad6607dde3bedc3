import { StreamsError } from '../core/errors.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * `host:port`, `[::1]:port`, or a port alone, which is one of loopback: what is served here is for
 * the machine unless somebody says otherwise. Port 0 is any that is free.
 */
export function parseAddress(text: string): Address {
  const match = /^(?:(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]/\s]+):)?(?<port>\d{1,5})$/.exec(text)
  const port = Number(match?.groups?.['port'] ?? NaN)
  if (!(port <= 65_535)) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `"${text}" is no address to serve HTTP at`,
      hint: 'Write host:port, for example 127.0.0.1:8080, or a port alone for loopback.',
    })
  }
  const host = match?.groups?.['host'] ?? '127.0.0.1'
  return { host: host.replace(/^\[|\]$/g, ''), port }
}

/** Nobody else can reach these. */
const LOOPBACK = /^(127\.|::1$|localhost$)/
const WILDCARD = /^(0\.0\.0\.0|::)$/

/**
 * Where other instances reach what is served at `url`: as given (`host`, `host:port`, or with
 * `http://` or `https://` in front; the port is that of `url` where none is given), else `url`
 * itself unless its host is loopback or stands for every address. Undefined: nowhere.
 */
export function advertisedUrl(given: string | undefined, url: string): string | undefined {
  const { hostname, port: written } = new URL(url)
  // 80 is left out of an http URL.
  const port = written === '' ? '80' : written
  const host = hostname.replace(/^\[|\]$/g, '')
  if (given === undefined) return LOOPBACK.test(host) || WILDCARD.test(host) ? undefined : url
  const [, scheme = 'http', rest = ''] = /^(?:(https?):\/\/)?(.*)$/.exec(given) ?? []
  const match = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]/\s]+)(?::(?<port>\d{1,5}))?$/.exec(rest)
  const givenPort = Number(match?.groups?.['port'] ?? port)
  if (match === null || givenPort > 65_535) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `"${given}" is no address for other instances to ask at`,
      hint: 'Write host:port, for example 10.0.0.7:8080, or https://host:port.',
    })
  }
  return `${scheme}://${match.groups?.['host']}:${givenPort === 0 ? port : givenPort}`
}
