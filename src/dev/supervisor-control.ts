import { connect } from 'node:net'
import { join } from 'node:path'

/**
 * What a supervisor can be told. One line of JSON a connection each way, over a socket in its data
 * folder, which only its user can enter: whoever answers there is the one, so no process is ever
 * signalled on the strength of a remembered number.
 */
export type Command =
  | { readonly type: 'status' | 'detach' | 'stop' }
  | { readonly type: 'start' | 'kill' | 'freeze' | 'thaw'; readonly index: number }

export type NodeState = 'running' | 'frozen' | 'ended'

export interface Reply {
  /** Empty when the command was carried out. */
  readonly problem: string
  readonly pid: number
  readonly nodes: readonly { readonly state: NodeState; readonly pid: number | undefined }[]
}

/** What a supervisor runs, as its data folder tells it. */
export interface ClusterSpec {
  readonly java: string
  /** Of each node. */
  readonly args: readonly (readonly string[])[]
  /** Where the JVM leaves its classes at an orderly end, and where they go once they are whole. */
  readonly archive: { readonly partial: string; readonly whole: string } | null
}

export const controlSocket = (dataDir: string): string => join(dataDir, 'control')
export const specFile = (dataDir: string): string => join(dataDir, 'cluster.json')
export const pidFile = (dataDir: string, index: number): string =>
  join(dataDir, `node-${index + 1}.pid`)

/** `undefined` when no supervisor is behind this folder (any more). */
export const command = (dataDir: string, message: Command): Promise<Reply | undefined> =>
  new Promise((resolve) => {
    let received = ''
    const socket = connect(controlSocket(dataDir))
    socket.setEncoding('utf8')
    socket.once('connect', () => socket.write(`${JSON.stringify(message)}\n`))
    socket.on('data', (chunk: string) => {
      received += chunk
    })
    socket.once('error', () => socket.destroy())
    socket.once('close', () =>
      resolve(received.endsWith('\n') ? (JSON.parse(received) as Reply) : undefined),
    )
  })
