import type { ClientLine } from './client-line.ts'
import type { ClusterState } from './cluster-state.ts'
import { coordinatorKey, type ClusterControls } from './faults.ts'

/** What faults do to the cluster itself. */
export function clusterControls(
  state: ClusterState,
  lines: ReadonlySet<ClientLine>,
): ClusterControls {
  const { clock, brokers, topics, groups, transactions, changes } = state
  const groupsAt = (node: number): readonly string[] =>
    groups.list().filter((id) => brokers.coordinatorOf(coordinatorKey('group', id)) === node)
  return {
    nowMs: clock.nowMs,
    kill: (clientId) => {
      for (const line of lines) if (line.clientId === clientId) line.end()
    },
    brokerDown: (node, partitions) => {
      if (!brokers.isUp(node)) return
      const orphaned = groupsAt(node)
      brokers.setDown(node)
      topics.brokerWentDown(node, partitions)
      // The next coordinator gives every member a session anew; without one no session ends.
      if (brokers.up.length > 0) groups.restartSessions(orphaned)
      else groups.suspendSessions()
      changes.notify()
    },
    brokerUp: (node) => {
      const wasDeserted = brokers.up.length === 0
      brokers.setUp(node)
      topics.brokerCameUp(node)
      transactions.retryMarkers()
      if (wasDeserted) groups.restartSessions(groups.list())
      changes.notify()
    },
    moveLeader: (partition, to) => {
      topics.moveLeader(partition, to)
      changes.notify()
    },
    moveCoordinator: (of, id, to) => {
      brokers.moveCoordinator(coordinatorKey(of, id), to)
      if (of === 'group') groups.restartSessions([id])
    },
    sleepThroughMove: (groupId, forMs) => {
      groups.remember(groupId)
      const wake = brokers.replaceUnnoticed(coordinatorKey('group', groupId))
      if (wake === undefined) return
      groups.restartSessions([groupId])
      void clock.sleep(forMs).then(wake)
    },
    fence: (transactionalId) => transactions.fence(transactionalId),
  }
}
