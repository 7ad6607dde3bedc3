import type { Clock } from '../../core/clock.ts'
import type { Brokers } from './brokers.ts'
import type { Changes } from './changes.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { Topics } from './topics.ts'
import type { TransactionCoordinator } from './transaction-coordinator.ts'

/** What the requests of all clients work on. */
export interface ClusterState {
  readonly clock: Clock
  readonly transactionVersion: 1 | 2
  readonly brokers: Brokers
  readonly topics: Topics
  readonly transactions: TransactionCoordinator
  readonly groups: GroupCoordinator
  readonly changes: Changes
}
