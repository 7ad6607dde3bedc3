import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../core/errors.ts'
import type { PostedStart } from './thread-messages.ts'

/**
 * The entry of a worker. A thread keeps what it compiles for later starts where the application
 * does, which Node decides thread by thread: so that comes before anything larger is loaded.
 */
const start = workerData as PostedStart
assert(parentPort !== null, 'thread-main runs in a worker')
if (start.compileCache) enableCompileCache()
const { runThread } = await import('./run-thread.ts')
await runThread(start, parentPort)
// Ends this worker, not the process: a retry that still sleeps somewhere must not keep it alive.
process.exit()
