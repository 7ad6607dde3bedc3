/**
 * What one thread has counted since it started. Plain numbers: counting costs nothing per record.
 * Readers take a copy.
 */
export interface ThreadCounters {
  /** Records taken from source topics, bad ones included. */
  processed: number
  /** Records of global topics applied to this thread's stores, bad ones included. */
  globalRecords: number
  /** Records left out by an operator's rule, such as a null key before an aggregation. */
  dropped: number
  /** Those of the dropped that came too late: their window or session was closed. */
  late: number
  deadLetters: number
  /** The same by where they came from and why. */
  readonly deadLettersBy: DeadLetterCount[]
  /** Records that failed and were skipped, as the topology says. */
  skipped: number
  /** Times that a record failed and was left to wait for another attempt. */
  retried: number
  /** Records that came over their rate limit, whatever became of them. */
  rateLimited: number
  /** Durable timers that fired. */
  timers: number
  /** Scheduled callbacks of the wall clock that were called. */
  punctuations: number
  /** Turns of the loop that looked for records: what `poll` is to a Kafka consumer. */
  polls: number
  commits: number
  /** Changelog records replayed into local stores. */
  restored: number
  /** Changelog records that standbys have replayed. */
  followed: number
  tasksCreated: number
  tasksClosed: number
  /** Assignments that the group gave to this thread. */
  rebalances: number
  /** Times work was abandoned and resumed from the last commit. */
  migrations: number
}

/** Dead letters from one topic with one error code: few, whatever the records are. */
export interface DeadLetterCount {
  /** Empty for a timer. */
  readonly topic: string
  readonly code: string
  count: number
}

/** Those of the counters that are one number. */
export type CounterName = Exclude<keyof ThreadCounters, 'deadLettersBy'>

export function countDeadLetters(
  counters: ThreadCounters,
  topic: string,
  code: string,
  count: number,
): void {
  counters.deadLetters += count
  const { deadLettersBy } = counters
  const known = deadLettersBy.find((each) => each.topic === topic && each.code === code)
  if (known === undefined) deadLettersBy.push({ topic, code, count })
  else known.count += count
}

export const copiedCounters = (counters: Readonly<ThreadCounters>): ThreadCounters => ({
  ...counters,
  deadLettersBy: counters.deadLettersBy.map((each) => ({ ...each })),
})

export const newThreadCounters = (): ThreadCounters => ({
  processed: 0,
  globalRecords: 0,
  dropped: 0,
  late: 0,
  deadLetters: 0,
  deadLettersBy: [],
  skipped: 0,
  retried: 0,
  rateLimited: 0,
  timers: 0,
  punctuations: 0,
  polls: 0,
  commits: 0,
  restored: 0,
  followed: 0,
  tasksCreated: 0,
  tasksClosed: 0,
  rebalances: 0,
  migrations: 0,
})
