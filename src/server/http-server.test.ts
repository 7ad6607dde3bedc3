import { expect, test } from 'vitest'
import { StreamsError } from '../core/errors.ts'
import { advertisedUrl, parseAddress } from './address.ts'
import { checkToken } from './bearer-token.ts'
import { HttpServer, json, type Route } from './http-server.ts'

const routes: readonly Route[] = [
  { path: '/hello/{name}', answer: ({ name }, query) => json(200, [name, query.get('again')]) },
  {
    path: '/missing',
    answer: () => {
      throw new StreamsError('STORE_MISSING', { message: 'no such store', hint: 'Look.' })
    },
  },
  { path: '/broken', answer: () => Promise.reject(new Error('broken')) },
]

async function serving(): Promise<HttpServer & AsyncDisposable> {
  const server = await HttpServer.listen(parseAddress('0'))
  server.serve(routes)
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() })
}

async function ask(url: string, init?: RequestInit): Promise<readonly [number, unknown]> {
  const response = await fetch(url, init)
  return [response.status, await response.json()]
}

test('a path is answered with what stands in it', async () => {
  await using server = await serving()
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(await ask(`${server.url}/hello/a%2Fb%20c?again=1%3F`)).toEqual([200, ['a/b c', '1?']])
  expect(await ask(`${server.url}/hello`)).toEqual([
    404,
    { error: { message: 'there is nothing at /hello' } },
  ])
  expect((await ask(`${server.url}/hello/%E0%A4%A`))[0]).toBe(404)
})

test('HEAD is answered without a body, and nothing that would change something is', async () => {
  await using server = await serving()
  const head = await fetch(`${server.url}/hello/x`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
  const post = await fetch(`${server.url}/hello/x`, { method: 'POST', body: 'y' })
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
})

test('an error is told with its code and its hint', async () => {
  await using server = await serving()
  expect(await ask(`${server.url}/missing`)).toEqual([
    404,
    { error: { code: 'STORE_MISSING', message: 'no such store', hint: 'Look.' } },
  ])
  expect(await ask(`${server.url}/broken`)).toEqual([500, { error: { message: 'broken' } }])
})

test('before there is something to tell it says so', async () => {
  const server = await HttpServer.listen(parseAddress('127.0.0.1:0'))
  expect((await ask(`${server.url}/hello/x`))[0]).toBe(503)
  await server.close()
})

test('a busy port is a clear error', async () => {
  await using server = await serving()
  const { port } = new URL(server.url)
  await expect(HttpServer.listen(parseAddress(port))).rejects.toMatchObject({
    code: 'HTTP_ADDRESS_UNUSABLE',
    message: `HTTP cannot be served at 127.0.0.1:${port}: something else listens there`,
  })
})

test('it ends while somebody waits for an answer', async () => {
  const server = await HttpServer.listen(parseAddress('0'))
  const asked = Promise.withResolvers<void>()
  server.serve([
    {
      path: '/never',
      answer: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    },
  ])
  const waiting = fetch(`${server.url}/never`).then(
    () => 'answered',
    () => 'cut off',
  )
  await asked.promise
  await server.close()
  expect(await waiting).toBe('cut off')
})

test('an address is a port, or a host and a port', () => {
  expect(parseAddress('8080')).toEqual({ host: '127.0.0.1', port: 8080 })
  expect(parseAddress('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 })
  expect(parseAddress('[::1]:80')).toEqual({ host: '::1', port: 80 })
  for (const bad of ['', 'localhost', '::1:80', 'a:b', '127.0.0.1:65536', 'http://x:1']) {
    expect(() => parseAddress(bad)).toThrow('is no address to serve HTTP at')
  }
})

test('where a token is needed only who shows it is answered, and probes are without', async () => {
  await using server = await serving()
  const token = '0123456789abcdef'
  const health: Route = { path: '/health', isOpen: true, answer: () => json(200, 'well') }
  server.serve([health, ...routes], token)
  const as = (authorization?: string) =>
    ask(`${server.url}/hello/x`, {
      headers: authorization === undefined ? {} : { authorization },
    })
  const refused = [401, { error: { message: 'a bearer token is needed' } }]
  expect(await as()).toEqual(refused)
  expect(await as('Bearer 0123456789abcdeX')).toEqual(refused)
  expect(await as(token)).toEqual(refused)
  expect(await as(`Bearer ${token}`)).toEqual([200, ['x', null]])
  expect(await ask(`${server.url}/health`)).toEqual([200, 'well'])
  const response = await fetch(`${server.url}/hello/x`)
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
})

test('a token that anybody could guess is refused, and not repeated', () => {
  for (const bad of ['', 'short', 'with spaces in between', '0123456789abcdef\n']) {
    expect(() => checkToken(bad)).toThrow('the token for HTTP is shorter than 16 characters')
  }
})

test('others are told an address that they can reach', () => {
  const at = 'http://10.0.0.7:8080'
  expect(advertisedUrl(undefined, at)).toBe(at)
  for (const here of [
    'http://127.0.0.1:80',
    'http://[::1]:80',
    'http://0.0.0.0:80',
    'http://[::]:80',
  ]) {
    expect(advertisedUrl(undefined, here)).toBeUndefined()
  }
  expect(advertisedUrl('pod-1', 'http://0.0.0.0:8080')).toBe('http://pod-1:8080')
  expect(advertisedUrl('pod-1:0', 'http://0.0.0.0:8080')).toBe('http://pod-1:8080')
  expect(advertisedUrl('pod-1', 'http://0.0.0.0:80')).toBe('http://pod-1:80')
  expect(advertisedUrl('https://pod-1:443', at)).toBe('https://pod-1:443')
  expect(advertisedUrl('[fd00::7]', 'http://[::]:8080')).toBe('http://[fd00::7]:8080')
  for (const bad of ['', 'ftp://x', 'x:99999', 'http://x/path', 'a b']) {
    expect(() => advertisedUrl(bad, at)).toThrow('is no address for other instances to ask at')
  }
})
