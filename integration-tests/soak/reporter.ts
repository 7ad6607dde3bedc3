/**
 * Loaded into a process before everything else, and into each of its threads: tells its parent how
 * much memory and how many handles it has. A heap is seen from inside its thread only.
 */
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

const REPORT_MS = 1_000

/** What a process says of itself. */
export interface ProcessReport {
  readonly rssBytes: number
  /** Of all its threads. */
  readonly heapBytes: number
  /** Sockets, timers, workers and files that keep it busy. */
  readonly resources: number
}

const channel = new BroadcastChannel('millrace-soak')
const heaps = new Map<unknown, number>()
if (isMainThread) {
  channel.addEventListener('message', (event) => {
    const { data } = event as Event & { readonly data: readonly [thread: unknown, bytes: number] }
    heaps.set(...data)
  })
}
setInterval(() => {
  const { rss, heapUsed } = process.memoryUsage()
  if (!isMainThread) return channel.postMessage([threadId, heapUsed])
  const heapBytes = [...heaps.values()].reduce((sum, bytes) => sum + bytes, heapUsed)
  const resources = process.getActiveResourcesInfo().length
  process.send?.({ rssBytes: rss, heapBytes, resources } satisfies ProcessReport)
}, REPORT_MS).unref()
// A listener keeps the channel, and with it the process, alive.
channel.unref()
