import type { Life } from '../runtime/life.fixtures.ts'
import type { Topology } from '../topology/topology.ts'
import type { ApplicationThread } from './thread-pool.ts'
import { findRows } from './find-rows.ts'
import { findValue } from './find-value.ts'

/** A thread as the application knows one, without a worker between. */
export function threadOf(life: Life, topology: Topology): ApplicationThread {
  const { thread, ended } = life
  return {
    get group() {
      return life.group
    },
    get state() {
      return thread.state
    },
    silentMs: 0,
    finished: ended.then(() => undefined),
    stop: thread.stop,
    pause: thread.pause,
    share: thread.share,
    snapshot: () => Promise.resolve(thread.snapshot()),
    get: (question) => Promise.resolve(findValue(thread, question)),
    scan: (question) => Promise.resolve(findRows(topology, thread, question)),
  }
}
