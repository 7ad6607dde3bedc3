/**
 * A process of its own between the owner and the JVMs: it ends them when the owner is gone, however
 * the owner went. It runs in a session of its own, so a Ctrl-C meant for the owner, or a `kill -9`
 * of the owner's process group, does not reach it.
 *
 * Started by `java-kafka.ts` with the data folder as its argument.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { systemClock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { logFile } from './kafka-nodes.ts'
import {
  controlSocket,
  pidFile,
  specFile,
  type ClusterSpec,
  type Command,
  type NodeState,
  type Reply,
} from './supervisor-control.ts'

interface Node {
  state: NodeState
  process: ChildProcess | undefined
}

const TRAINING_MS_MAX = 20_000

const dataDir = process.argv[2] as string
const spec = JSON.parse(readFileSync(specFile(dataDir), 'utf8')) as ClusterSpec
const nodes = spec.args.map((): Node => ({ state: 'ended', process: undefined }))
let detached = false

function startNode(index: number): void {
  const node = nodes[index] as Node
  if (node.state !== 'ended') throw new Error('it is running')
  const log = openSync(logFile(dataDir, index), 'a')
  const jvm = spawn(spec.java, spec.args[index] as string[], {
    cwd: dataDir,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  node.process = jvm
  node.state = 'running'
  const ended = (): void => {
    if (node.process === jvm) node.state = 'ended'
  }
  jvm.once('exit', ended)
  jvm.once('error', ended)
  if (jvm.pid !== undefined) writeFileSync(pidFile(dataDir, index), String(jvm.pid))
}

async function signal(index: number, name: NodeJS.Signals, state: NodeState): Promise<void> {
  const node = nodes[index] as Node
  if (node.state === 'ended') throw new Error('it is not running')
  const jvm = node.process as ChildProcess
  jvm.kill(name)
  if (state === 'ended') await exitOf(jvm)
  else node.state = state
}

async function exitOf(jvm: ChildProcess): Promise<void> {
  if (jvm.exitCode === null && jvm.signalCode === null && jvm.pid !== undefined) {
    await once(jvm, 'exit')
  }
}

/**
 * An orderly end takes the JVM about three seconds longer, once a machine: it spares one a start.
 */
async function trainArchive(): Promise<void> {
  const [node] = nodes
  if (spec.archive === null || node?.state !== 'running') return
  const jvm = node.process as ChildProcess
  jvm.kill('SIGTERM')
  await Promise.race([exitOf(jvm), systemClock.sleep(TRAINING_MS_MAX)])
  // 143: ended by the signal, after all its shutdown work.
  if (jvm.exitCode === 143) await rename(spec.archive.partial, spec.archive.whole).catch(() => {})
}

const killAll = (): void => nodes.forEach((node) => node.process?.kill('SIGKILL'))

/** The data goes with the process, so nothing needs to be closed in order. */
async function stop(): Promise<void> {
  killAll()
  await Promise.all(nodes.flatMap(({ process: jvm }) => (jvm ? [exitOf(jvm)] : [])))
  await rm(dataDir, { recursive: true, force: true, maxRetries: 3 })
  if (spec.archive !== null) await rm(spec.archive.partial, { force: true })
}

async function obey(message: Command): Promise<void> {
  switch (message.type) {
    case 'status':
      return
    case 'detach':
      detached = true
      return
    case 'start':
      return startNode(message.index)
    case 'kill':
      return signal(message.index, 'SIGKILL', 'ended')
    case 'freeze':
      return signal(message.index, 'SIGSTOP', 'frozen')
    case 'thaw':
      return signal(message.index, 'SIGCONT', 'running')
    case 'stop':
      await trainArchive()
      return stop()
  }
}

async function answer(socket: Socket, line: string): Promise<void> {
  const message = JSON.parse(line) as Command
  const problem = await obey(message).then(() => '', messageOf)
  const reply: Reply = {
    problem,
    pid: process.pid,
    nodes: nodes.map((node) => ({ state: node.state, pid: node.process?.pid })),
  }
  if (message.type === 'stop') {
    if (socket.destroyed) process.exit(0)
    socket.once('close', () => process.exit(0))
  }
  socket.end(`${JSON.stringify(reply)}\n`)
}

const server = createServer((socket) => {
  let received = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: string) => {
    received += chunk
    if (received.endsWith('\n')) void answer(socket, received)
  })
})

const stopAndExit = (): void => void stop().finally(() => process.exit(1))

process.on('exit', killAll)
process.on('SIGTERM', stopAndExit)
process.on('SIGINT', stopAndExit)
process.on('SIGHUP', stopAndExit)
process.on('uncaughtException', stopAndExit)
process.on('unhandledRejection', stopAndExit)
process.on('disconnect', () => {
  if (!detached) stopAndExit()
})
server.listen(controlSocket(dataDir), () => process.send?.('listening'))
if (!process.connected) stopAndExit()
