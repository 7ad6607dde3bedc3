import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { missingForAnyRegistry, startRegistry } from '../../src/dev/registry.fixture.ts'
import type { RunningRegistry } from '../../src/dev/running-registry.fixture.ts'

const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** A real registry, or undefined, with the reason printed, where this machine cannot have one. */
export async function registryOrReason(): Promise<RunningRegistry | undefined> {
  const missing = await missingForAnyRegistry()
  if (missing === undefined) return startRegistry(say)
  say(`skipped: tests on a real schema registry, because ${missing}`)
  return undefined
}

/** A gate in front of a registry, as teams have one: it asks for a password, and counts. */
export interface Gate extends AsyncDisposable {
  readonly url: string
  /** Method and path of every request that it let through. */
  readonly passed: readonly string[]
}

/** Without a user everybody may pass. */
export async function gateBefore(
  registryUrl: string,
  user?: { readonly username: string; readonly password: string },
): Promise<Gate> {
  const target = new URL(registryUrl)
  const expected =
    user && `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`
  const passed: string[] = []
  const server = createServer((incoming, answer) => {
    if (expected !== undefined && incoming.headers.authorization !== expected) {
      answer.writeHead(401, { 'content-type': 'application/json' })
      answer.end('{"error_code":401,"message":"Unauthorized"}')
      return
    }
    const { method = 'GET', url: path = '/', headers } = incoming
    passed.push(`${method} ${path}`)
    const onward = request(
      { host: target.hostname, port: target.port, method, path, headers },
      (came) => {
        answer.writeHead(came.statusCode ?? 502, came.headers)
        came.pipe(answer)
      },
    )
    onward.once('error', () => answer.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    passed,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
