/** A snapshot with one of everything, so that no metric is without a sample. */
import { newThreadCounters } from '../../core/metrics.ts'
import type { ThreadSnapshot } from '../../runtime/thread/thread-snapshot.ts'
import type { Measured } from '../metrics-text.ts'

const work = { rate: 1, averageMs: 2, maxMs: 3, ratio: 0.5 }
const range = { average: 2, min: 1, max: 3 }
const changelog = { topic: 'app-counts-changelog', partition: 0 }

const thread: ThreadSnapshot = {
  thread: 0,
  state: 'running',
  counters: {
    ...newThreadCounters(),
    deadLettersBy: [{ topic: 'clicks', code: 'PROCESSING_FAILED', count: 1 }],
  },
  tasks: [{ id: '0_0', state: 'running' }],
  lag: 1,
  inputs: [{ task: '0_0', topic: 'clicks', partition: 0, lag: 1 }],
  work: [
    {
      task: '0_0',
      processed: 1,
      dropped: 0,
      processing: work,
      lateness: range,
      nodes: [{ node: 'clicks-source', processed: 1, latency: range }],
      inputBufferBytes: 1,
      diskBytes: 1,
    },
  ],
  stores: [
    {
      task: '0_0',
      store: 'counts',
      kind: 'key-value',
      rows: 1,
      dirtyBytes: 1,
      reads: { cached: 1, decoded: 1 },
    },
  ],
  restoring: [
    { task: '0_1', store: 'counts', ...changelog, restored: 1, remaining: 1, startedAtMs: 0 },
  ],
  globals: [{ store: 'rates', topic: 'rates', remaining: 1 }],
  standbys: [
    {
      task: '0_2',
      state: 'following',
      stores: [{ task: '0_2', store: 'counts', ...changelog, lag: 1 }],
    },
  ],
  processing: work,
  committing: work,
  punctuating: work,
  idling: work,
  restoreRate: 1,
  followRate: 1,
  sendBufferBytes: 1,
  heapBytes: 1,
  sinceTurnMs: 1,
}

export const everything: Measured = {
  applicationId: 'app',
  state: 'running',
  threads: [thread],
  aliveThreads: 1,
  failedThreads: 1,
  isPaused: false,
  process: { residentBytes: 1, cpuSeconds: 1 },
}
