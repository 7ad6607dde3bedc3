import { connect } from 'node:net'

/** What one broker says about its cluster. */
export interface ClusterView {
  readonly clusterId: string
  /** The ids of the brokers that serve clients. */
  readonly brokerIds: readonly number[]
}

const PROBE_MS_MAX = 2_000

/**
 * Whether the broker serves clients: it knows itself and at least `brokersMin` in all. The cluster
 * id tells our broker from a stranger's that took the port before ours could.
 */
export async function isServing(
  port: number,
  nodeId: number,
  clusterId: string,
  brokersMin: number,
): Promise<boolean> {
  const view = await clusterView(port, PROBE_MS_MAX)
  if (view?.clusterId !== clusterId) return false
  return view.brokerIds.includes(nodeId) && view.brokerIds.length >= brokersMin
}

const METADATA_V5 = { apiKey: 3, version: 5 }
const ANSWER_BYTES_MAX = 1024 * 1024

/**
 * Asks a broker for its cluster, by one hand-made Metadata request: an open port says nothing yet,
 * a broker accepts connections before it may serve. `undefined` for anything but a right answer.
 */
export async function clusterView(
  port: number,
  timeoutMs: number,
): Promise<ClusterView | undefined> {
  const answer = await exchange(port, metadataRequest(), timeoutMs)
  try {
    return answer === undefined ? undefined : parseMetadata(answer)
  } catch {
    return undefined
  }
}

/** An array of no topics and "do not create any". */
function metadataRequest(): Buffer {
  const clientId = 'millrace-probe'
  const body = Buffer.alloc(8 + 2 + clientId.length + 4 + 1)
  body.writeInt16BE(METADATA_V5.apiKey, 0)
  body.writeInt16BE(METADATA_V5.version, 2)
  body.writeInt32BE(1, 4)
  body.writeInt16BE(clientId.length, 8)
  body.write(clientId, 10)
  return body
}

function parseMetadata(answer: Buffer): ClusterView {
  let at = 4 + 4 // correlation id, throttle time
  const int32 = (): number => {
    at += 4
    return answer.readInt32BE(at - 4)
  }
  const text = (): string => {
    const length = Math.max(answer.readInt16BE(at), 0)
    at += 2 + length
    return answer.toString('utf8', at - length, at)
  }
  const brokerIds = Array.from({ length: int32() }, () => {
    const id = int32()
    text() // host
    int32() // port
    text() // rack
    return id
  })
  return { brokerIds, clusterId: text() }
}

/** One request to a port of 127.0.0.1 and its answer, without their length prefixes. */
export const exchange = (
  port: number,
  request: Buffer,
  timeoutMs: number,
): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(timeoutMs, () => socket.destroy())
    socket.once('error', () => socket.destroy())
    socket.once('close', () => resolve(undefined))
    socket.once('connect', () => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(request.length)
      socket.write(Buffer.concat([length, request]))
    })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const length = received.readInt32BE(0)
      if (length > ANSWER_BYTES_MAX) socket.destroy()
      if (received.length < 4 + length) return
      resolve(received.subarray(4, 4 + length))
      socket.destroy()
    })
  })
