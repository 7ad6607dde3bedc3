import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the ports that systems hand out to outgoing connections (32768 on Linux, 49152 on macOS):
// a broker that was killed finds its port free again when it is restarted.
const PORT_MIN = 20_000
const PORT_MAX = 32_000

/** Ports of 127.0.0.1 that nobody listened on a moment ago. A race is possible: retry then. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
