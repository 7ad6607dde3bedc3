import { CUSTOMERS } from './orders.ts'

/** What `peer.ts` can be told to do; the sentences are in the README. */
export const workloads = ['W0', 'W1', 'W2', 'W3', 'W4', 'W5'] as const
export type Workload = (typeof workloads)[number]

/** How many customers the orders are of. */
export const customersOf = (workload: Workload): number => (workload === 'W3' ? 10_000 : CUSTOMERS)

/** As the programs that these are compared with commit: with W2 in a transaction. */
export const commitIntervalMs = (workload: Workload): number => (workload === 'W2' ? 100 : 5_000)

/** Latency is measured where every record has one answer. */
export const hasLatency = (workload: Workload): boolean => workload < 'W4'
