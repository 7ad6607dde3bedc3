import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/logger.ts'
import type { ApplicationLife } from './application-state.ts'
import { memoryShare } from './options.ts'
import { ThreadPool, type ApplicationThread, type ThreadPoolOptions } from './thread-pool.ts'

/** A pool of so many threads, which are made when they are started. */
export const poolOf = (
  threads: number,
  startThread: ThreadPoolOptions['startThread'],
  life: ApplicationLife,
  options: Partial<ThreadPoolOptions> = {},
): ThreadPool =>
  new ThreadPool({
    threads,
    startThread,
    shareOf: (count) => memoryShare({}, count),
    life,
    onUncaughtError: 'stop-client',
    stopApplication: () => Promise.resolve(),
    clock: systemClock,
    logger: silentLogger,
    ...options,
  })

export type { ApplicationThread }
