import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { assert, assertNever, StreamsError } from '../core/errors.ts'
import { kafkajsPort } from '../kafka/kafkajs/kafkajs-port.ts'
import { directoryStorage } from '../runtime/state-directory/directory-storage.ts'
import { StreamThread } from '../runtime/thread/stream-thread.ts'
import { errorData } from './error-data.ts'
import { findValue } from './find-value.ts'
import { loadTopology } from './load-topology.ts'
import { pinoLogger } from './pino-logger.ts'
import type { FromThread, ThreadStart, ToThread } from './thread-messages.ts'

/** The entry of a worker: builds its own equal graph and runs one stream thread until told to stop. */
async function main(start: ThreadStart, post: (message: FromThread) => void): Promise<void> {
  const { config, connection } = start
  const topology = await loadTopology(start.topologyUrl)
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
  const port = kafkajsPort(connection, { logger, clock: systemClock })
  await port.connect()
  try {
    const thread = new StreamThread({
      topology,
      config,
      port,
      storage: directoryStorage(start.statePath),
      clock: systemClock,
      logger,
      onStateChange: (state) => post({ type: 'state', state }),
    })
    parentPort?.on('message', (message: ToThread) => answer(message, thread, post))
    await thread.run()
  } finally {
    await port.close()
  }
}

function answer(
  message: ToThread,
  thread: StreamThread,
  post: (message: FromThread) => void,
): void {
  switch (message.type) {
    case 'stop':
      thread.stop()
      return
    case 'snapshot':
      post({ type: 'snapshot', requestId: message.requestId, snapshot: thread.snapshot() })
      return
    case 'get':
      post({
        type: 'value',
        requestId: message.requestId,
        ...findValue(thread, message.store, message.key),
      })
      return
    default:
      assertNever(message)
  }
}

const port = parentPort
assert(port !== null, 'thread-main runs in a worker')
main(workerData as ThreadStart, (message) => port.postMessage(message))
  .catch((error: unknown) => {
    port.postMessage({ type: 'failed', error: errorData(error) } satisfies FromThread)
  })
  .finally(() => {
    // Ends this worker, not the process: a retry that still sleeps somewhere must not keep it alive.
    process.exit()
  })
