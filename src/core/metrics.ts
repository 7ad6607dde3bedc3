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
  /** Records that failed and were skipped, as the topology says. */
  skipped: number
  /** Times that a record failed and was left to wait for another attempt. */
  retried: number
  /** Durable timers that fired. */
  timers: number
  /** Turns of the loop that looked for records: what `poll` is to a Kafka consumer. */
  polls: number
  commits: number
  /** Changelog records replayed into local stores. */
  restored: number
  /** Changelog records that standbys have replayed. */
  followed: number
  /** Times work was abandoned and resumed from the last commit. */
  migrations: number
}

export const newThreadCounters = (): ThreadCounters => ({
  processed: 0,
  globalRecords: 0,
  dropped: 0,
  late: 0,
  deadLetters: 0,
  skipped: 0,
  retried: 0,
  timers: 0,
  polls: 0,
  commits: 0,
  restored: 0,
  followed: 0,
  migrations: 0,
})
