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
