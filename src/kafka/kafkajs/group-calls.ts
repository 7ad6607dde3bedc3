import { KafkaError, type KafkaPort } from '../port.ts'
import type { ProtocolRequest } from '../wire/protocol-request.ts'
import type { Cluster } from './cluster.ts'
import { deleteGroupRequest, describeGroupRequest, listGroupsRequest } from './requests/groups.ts'
import {
  heartbeatRequest,
  joinGroupRequest,
  leaveGroupRequest,
  syncGroupRequest,
} from './requests/membership.ts'
import { offsetCommitRequest, offsetFetchRequest } from './requests/offsets.ts'

/** What is asked of group coordinators. */
export const groupCalls = (
  cluster: Cluster,
): Pick<
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
> => {
  const asMember = <T>(groupId: string, request: ProtocolRequest<T>): Promise<T> =>
    cluster.toCoordinator('group', groupId, request, 'group')
  const fromOutside = <T>(groupId: string, request: ProtocolRequest<T>): Promise<T> =>
    cluster.toCoordinator('group', groupId, request)
  return {
    joinGroup: async (join) => {
      const answer = await asMember(join.groupId, joinGroupRequest(join))
      if ('member' in answer) return answer
      const again = { ...join, memberId: answer.memberId }
      const joined = await asMember(join.groupId, joinGroupRequest(again))
      if ('member' in joined) return joined
      throw new KafkaError(
        'MEMBER_ID_REQUIRED',
        'rejoin',
        `joining group "${join.groupId}" failed twice`,
      )
    },
    syncGroup: (member, protocolType, protocol, assignments) =>
      asMember(member.groupId, syncGroupRequest(member, protocolType, protocol, assignments)),
    heartbeat: (member) => asMember(member.groupId, heartbeatRequest(member)),
    leaveGroup: (member, reason) => asMember(member.groupId, leaveGroupRequest(member, reason)),

    offsetCommit: (member, offsets) =>
      fromOutside(member.groupId, offsetCommitRequest(member, offsets)),
    offsetFetch: (groupId, partitions, requireStable) =>
      fromOutside(groupId, offsetFetchRequest(groupId, partitions, requireStable)),
    describeGroup: (groupId) => fromOutside(groupId, describeGroupRequest(groupId)),
    deleteGroup: (groupId) => fromOutside(groupId, deleteGroupRequest(groupId)),
    listGroups: async () => {
      await cluster.metadata([])
      const groups = await Promise.all(
        cluster.nodeIds.map((node) => cluster.toNode(node, listGroupsRequest)),
      )
      return [...new Set(groups.flat())]
    },
  }
}
