import type { KafkaPort } from '../port.ts'
import { anyBroker, type ClientLine, type Destination } from './client-line.ts'
import type { ClusterState } from './cluster-state.ts'
import { coordinatorKey } from './faults.ts'

type GroupRequests = Pick<
  KafkaPort,
  | 'joinGroup'
  | 'syncGroup'
  | 'heartbeat'
  | 'leaveGroup'
  | 'offsetCommit'
  | 'offsetFetch'
  | 'listGroups'
  | 'describeGroup'
  | 'deleteGroup'
>

export const groupRequests = (
  { groups, topics }: ClusterState,
  line: ClientLine,
): GroupRequests => ({
  joinGroup: (request) =>
    line.send({
      api: 'joinGroup',
      ...ofGroup(request.groupId),
      effect: () => groups.join(request, line.clientId),
    }),

  syncGroup: (member, protocolType, protocol, assignments) =>
    line.send({
      api: 'syncGroup',
      ...ofGroup(member.groupId),
      effect: () => groups.sync(member, protocolType, protocol, assignments),
    }),

  heartbeat: (member) =>
    line.send({
      api: 'heartbeat',
      ...ofGroup(member.groupId),
      effect: () => groups.heartbeat(member),
      fromMemory: () => {},
    }),

  leaveGroup: (member) =>
    line.send({
      api: 'leaveGroup',
      ...ofGroup(member.groupId),
      effect: () => groups.leave(member),
    }),

  offsetCommit: (member, offsets) =>
    line.send({
      api: 'offsetCommit',
      ...ofGroup(member.groupId),
      partitions: offsets,
      effect: () => {
        for (const each of offsets) topics.partition(each)
        groups.commit(member, offsets)
      },
    }),

  offsetFetch: (groupId, partitions, requireStable) =>
    line.send({
      api: 'offsetFetch',
      ...ofGroup(groupId),
      partitions,
      effect: () => groups.fetch(groupId, partitions, requireStable),
      fromMemory: () => groups.fetchRemembered(groupId, partitions, requireStable),
    }),

  listGroups: () => line.send({ api: 'listGroups', to: anyBroker, effect: () => groups.list() }),

  describeGroup: (groupId) =>
    line.send({
      api: 'describeGroup',
      ...ofGroup(groupId),
      effect: () => groups.describe(groupId),
    }),

  deleteGroup: (groupId) =>
    line.send({ api: 'deleteGroup', ...ofGroup(groupId), effect: () => groups.delete(groupId) }),
})

const ofGroup = (groupId: string): { readonly groupId: string; readonly to: Destination } => ({
  groupId,
  to: { coordinator: coordinatorKey('group', groupId) },
})
