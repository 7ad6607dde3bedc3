/**
 * created → starting → rebalancing ⇄ running → pending-shutdown → stopped; a failure anywhere
 * before
 * `stopped` leads to `failed`.
 */
export const threadMoves = {
  created: ['starting', 'pending-shutdown', 'failed'],
  starting: ['rebalancing', 'pending-shutdown', 'failed'],
  rebalancing: ['running', 'pending-shutdown', 'failed'],
  running: ['rebalancing', 'pending-shutdown', 'failed'],
  'pending-shutdown': ['stopped', 'failed'],
  stopped: [],
  failed: [],
} as const satisfies Record<string, readonly string[]>

export type ThreadState = keyof typeof threadMoves
