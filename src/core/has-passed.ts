/**
 * Whether so much time has passed since. Where the clock was set back meanwhile nobody knows, and
 * then it has: else what is done every second would wait for as long as the clock was set back.
 */
export const hasPassed = (ms: number, sinceMs: number, nowMs: number): boolean =>
  nowMs >= sinceMs + ms || nowMs < sinceMs
