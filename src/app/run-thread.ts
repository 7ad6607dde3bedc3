import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { assertNever, StreamsError } from '../core/errors.ts'
import { kafkajsPort } from '../kafka/kafkajs/kafkajs-port.ts'
import { directoryStorage } from '../runtime/state-directory/directory-storage.ts'
import { RemoteSerdes } from '../runtime/task/remote-serdes.ts'
import { StreamThread } from '../runtime/thread/stream-thread.ts'
import { confluentRegistry } from '../serde/registry/confluent-registry.ts'
import { shadowed } from '../topology/shadow.ts'
import type { Topology } from '../topology/topology.ts'
import { connectPatiently } from './connect-patiently.ts'
import { errorData } from './error-data.ts'
import { findRows } from './find-rows.ts'
import { findValue } from './find-value.ts'
import { loadTopology } from './load-topology.ts'
import { pinoLogger } from './pino-logger.ts'
import { openTracing } from './thread-tracing.ts'
import { receivedConnection } from './posted-connection.ts'
import type { FromThread, PostedStart, ToThread } from './thread-messages.ts'

/** Builds the worker's own equal graph and runs one stream thread on it until told to stop. */
export async function runThread(start: PostedStart, application: MessagePort): Promise<void> {
  const post = (message: FromThread): void => application.postMessage(message)
  try {
    await run(start, application, post)
  } catch (error) {
    post({ type: 'failed', error: errorData(error) })
  }
}

async function run(
  start: PostedStart,
  application: MessagePort,
  post: (message: FromThread) => void,
): Promise<void> {
  const { config, connection } = start
  // Before the topology, so that what it imports can be instrumented.
  const tracing = start.tracing === undefined ? undefined : await openTracing(start.tracing)
  const loaded = await loadTopology(start.topologyUrl)
  const topology = start.shadow === undefined ? loaded : shadowed(loaded, start.shadow)
  if (topology.fingerprint !== start.fingerprint) {
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `${start.topologyUrl} builds a different topology each time it is loaded`,
      hint: 'A topology must not depend on time, chance or the environment.',
    })
  }
  const logger = await pinoLogger(start.log, {
    application: config.applicationId,
    thread: config.threadIndex,
  })
  const registry = start.schemaRegistry && confluentRegistry(start.schemaRegistry, systemClock)
  const serdes = new RemoteSerdes(registry, logger)
  await serdes.openAll(topology)
  const port = kafkajsPort(receivedConnection(connection), { logger, clock: systemClock })
  try {
    const thread = new StreamThread({
      topology,
      config,
      port,
      storage: directoryStorage(start.statePath),
      openSerde: serdes.open,
      tracing: tracing?.api,
      clock: systemClock,
      logger,
      onStateChange: (state) => post({ type: 'state', state }),
      onGroup: (group) => post({ type: 'group', group }),
    })
    const stopping = new AbortController()
    application.on('message', (message: ToThread) => {
      if (message.type === 'stop') stopping.abort()
      answer(message, topology, thread, post)
    })
    await connectPatiently(port, systemClock, logger, stopping.signal)
    await thread.run()
  } finally {
    await port.close()
    await tracing?.end(logger)
  }
}

function answer(
  message: ToThread,
  topology: Topology,
  thread: StreamThread,
  post: (message: FromThread) => void,
): void {
  switch (message.type) {
    case 'stop':
      thread.stop(message.forGood)
      return
    case 'pause':
      thread.pause(message.paused)
      return
    case 'share':
      thread.share(message.memory)
      return
    case 'snapshot':
    case 'get':
    case 'scan':
      try {
        post(found(message, topology, thread))
      } catch (error) {
        // A question is no reason for a thread to fail.
        post({ type: 'query-failed', requestId: message.requestId, error: errorData(error) })
      }
      return
    default:
      assertNever(message)
  }
}

function found(
  query: Extract<ToThread, { requestId: number }>,
  topology: Topology,
  thread: StreamThread,
): FromThread {
  const { requestId } = query
  if (query.type === 'snapshot') {
    const { heapUsed: heapBytes } = process.memoryUsage()
    return { type: 'snapshot', requestId, snapshot: { ...thread.snapshot(), heapBytes } }
  }
  if (query.type === 'get') {
    return { type: 'value', requestId, answer: findValue(thread, query.question) }
  }
  return { type: 'rows', requestId, answer: findRows(topology, thread, query.question) }
}
