import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { ProtocolReader } from '../wire/protocol-reader.ts'
import { apis, isFlexible } from '../wire/protocol-request.ts'
import { ProtocolWriter } from '../wire/protocol-writer.ts'

type ApiName = keyof typeof apis

export interface ReceivedRequest {
  readonly api: ApiName
  readonly version: number
  /** 1 for the first connection that was accepted. */
  readonly connection: number
}

/** Writes an answer, or says what else becomes of the request. */
export type Answer = (
  writer: ProtocolWriter,
  request: ReceivedRequest & { readonly body: ProtocolReader },
) => void | 'silence' | 'close' | 'garbage'

export interface Script {
  readonly answers?: Partial<Record<ApiName, Answer>>
  /** Highest versions that it claims to speak; 20 of each if not said. */
  readonly versions?: Partial<Record<ApiName, number>>
  readonly transactionVersion?: number
  /** 0 takes any free one. */
  readonly port?: number
}

export interface ScriptedBroker extends AsyncDisposable {
  readonly port: number
  readonly address: string
  readonly received: readonly ReceivedRequest[]
  readonly countOf: (api: ApiName) => number
  /** Breaks every connection; the port stays open. */
  readonly breakConnections: () => void
}

const NODE = 1
const FINALIZED_FEATURES = 2

/** Says what a test tells it to: for what a real broker cannot be made to do on demand. */
export async function scriptedBroker(script: Script = {}): Promise<ScriptedBroker> {
  const received: ReceivedRequest[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    readFrames(socket, (frame) => {
      const outcome = answerTo(frame, connection)
      if (outcome === 'close') socket.destroy()
      else if (outcome !== 'silence') socket.write(outcome)
    })
  })
  const answerTo = (frame: Buffer, connection: number): Buffer | 'silence' | 'close' => {
    const { api, version, correlationId, body, flexible } = readHeader(frame)
    const request = { api, version, connection }
    received.push(request)
    const writer = new ProtocolWriter(flexible)
    writer.int32(0).int32(correlationId)
    if (api !== 'apiVersions') writer.tags()
    const answer = script.answers?.[api] ?? usual(api, script, port)
    const outcome = answer(writer, { ...request, body })
    if (outcome === 'silence' || outcome === 'close') return outcome
    const bytes = outcome === 'garbage' ? writer.int8(1).finish() : writer.finish()
    bytes.writeInt32BE(bytes.length - 4, 0)
    return bytes
  }
  server.listen(script.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const breakConnections = (): void => sockets.forEach((socket) => void socket.destroy())
  return {
    port,
    address: `127.0.0.1:${port}`,
    received,
    countOf: (api) => received.filter((request) => request.api === api).length,
    breakConnections,
    [Symbol.asyncDispose]: async () => {
      breakConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function readFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const end = 4 + bytes.readInt32BE(0)
      onFrame(bytes.subarray(4, end))
      bytes = bytes.subarray(end)
    }
  })
}

function readHeader(frame: Buffer) {
  const key = frame.readInt16BE(0)
  const version = frame.readInt16BE(2)
  const correlationId = frame.readInt32BE(4)
  const [api, definition] = Object.entries(apis).find(([, each]) => each.key === key)!
  const flexible = isFlexible(definition, version)
  const bodyAt = 10 + frame.readInt16BE(8) + (flexible ? 1 : 0)
  const body = new ProtocolReader(frame.subarray(bodyAt), flexible)
  return { api: api as ApiName, version, correlationId, body, flexible }
}

/** What a broker says that has nothing to complain about; silence where that takes knowledge. */
function usual(api: ApiName, script: Script, port: number): Answer {
  const fine: Answer = (writer) => void writer.int32(0).int16(0).tags()
  const answers: Partial<Record<ApiName, Answer>> = {
    apiVersions: (writer) => writeVersions(writer, script),
    metadata: (writer) =>
      void writer
        .int32(0)
        .array([NODE], (id) => writer.int32(id).string('127.0.0.1').int32(port).string(null).tags())
        .string('cluster')
        .int32(NODE)
        .array([], () => {})
        .tags(),
    findCoordinator: (writer) =>
      void writer.int32(0).int16(0).string(null).int32(NODE).string('127.0.0.1').int32(port),
    heartbeat: fine,
    endTxn: fine,
  }
  return answers[api] ?? (() => 'silence')
}

function writeVersions(writer: ProtocolWriter, { versions, transactionVersion = 0 }: Script): void {
  writer.int16(0)
  writer.array(Object.entries(apis), ([name, { key }]) =>
    writer
      .int16(key)
      .int16(0)
      .int16(versions?.[name as ApiName] ?? 20)
      .tags(),
  )
  const features = new ProtocolWriter(true)
  features.array(['transaction.version'], (name) =>
    features.string(name).int16(transactionVersion).int16(0).tags(),
  )
  const field = features.finish()
  writer.int32(0).unsignedVarint(1).unsignedVarint(FINALIZED_FEATURES)
  // The compact form of bytes counts one more than there are, a tagged field does not.
  writer.unsignedVarint(field.length)
  for (const byte of field) writer.int8((byte << 24) >> 24)
}
