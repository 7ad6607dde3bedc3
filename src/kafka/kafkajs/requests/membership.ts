import type { GroupMember, JoinRequest, JoinResponse } from '../../port.ts'
import { NO_ERROR, throwIfFailed } from '../../wire/error-codes.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

const MEMBER_ID_REQUIRED = 79
/** What a broker writes into its log of a reason, and no more. */
const REASON_LENGTH_MAX = 255

/** `memberId`: join again with this one (KIP-394). */
export type JoinAnswer = JoinResponse | { readonly memberId: string }

export const joinGroupRequest = (join: JoinRequest): ProtocolRequest<JoinAnswer> => ({
  api: apis.joinGroup,
  versions: [7, 8],
  // Answered when every member has joined, or the others were given up.
  heldMs: join.rebalanceTimeoutMs,
  encode: (writer, version) => {
    writer
      .string(join.groupId)
      .int32(join.sessionTimeoutMs)
      .int32(join.rebalanceTimeoutMs)
      .string(join.memberId)
      .string(join.instanceId)
      .string(join.protocolType)
      .array(join.protocols, ({ name, metadata }) => writer.string(name).bytes(metadata).tags())
    if (version >= 8) writer.string(reasonOf(join.reason))
    writer.tags()
  },
  decode: (reader) => {
    reader.throttle()
    const code = reader.int16()
    const generation = reader.int32()
    reader.nullableString()
    const protocol = reader.string()
    const leaderId = reader.string()
    const memberId = reader.string()
    if (code === MEMBER_ID_REQUIRED) return { memberId }
    throwIfFailed(code, `joining group "${join.groupId}"`)
    const members = reader.array(() => {
      const member = {
        memberId: reader.string(),
        metadata: (reader.nullableString(), reader.bytes()),
      }
      reader.tags()
      return member
    })
    const { groupId, instanceId } = join
    return { member: { groupId, memberId, generation, instanceId }, leaderId, protocol, members }
  },
})

export const syncGroupRequest = (
  member: GroupMember,
  protocolType: string,
  protocol: string,
  assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
): ProtocolRequest<Uint8Array> => ({
  api: apis.syncGroup,
  versions: [5, 5],
  encode: (writer) =>
    void writer
      .string(member.groupId)
      .int32(member.generation)
      .string(member.memberId)
      .string(member.instanceId)
      .string(protocolType)
      .string(protocol)
      .array(assignments, ({ memberId, assignment }) =>
        writer.string(memberId).bytes(assignment).tags(),
      )
      .tags(),
  decode: (reader) => {
    reader.throttle()
    throwIfFailed(reader.int16(), `syncing with group "${member.groupId}"`)
    reader.nullableString()
    reader.nullableString()
    return reader.bytes()
  },
})

export const heartbeatRequest = (member: GroupMember): ProtocolRequest<void> => ({
  api: apis.heartbeat,
  versions: [3, 3],
  encode: (writer) =>
    void writer
      .string(member.groupId)
      .int32(member.generation)
      .string(member.memberId)
      .string(member.instanceId),
  decode: (reader) => {
    reader.throttle()
    throwIfFailed(reader.int16(), `a heartbeat to group "${member.groupId}"`)
  },
})

export const leaveGroupRequest = (member: GroupMember, reason?: string): ProtocolRequest<void> => ({
  api: apis.leaveGroup,
  versions: [3, 5],
  encode: (writer, version) =>
    void writer
      .string(member.groupId)
      .array([member], ({ memberId, instanceId }) => {
        writer.string(memberId).string(instanceId)
        if (version >= 5) writer.string(reasonOf(reason))
        writer.tags()
      })
      .tags(),
  decode: (reader) => {
    const what = `leaving group "${member.groupId}"`
    reader.throttle()
    throwIfFailed(reader.int16(), what)
    const codes = reader.array(() => {
      reader.string()
      reader.nullableString()
      const code = reader.int16()
      reader.tags()
      return code
    })
    throwIfFailed(codes[0] ?? NO_ERROR, what)
  },
})

const reasonOf = (reason: string | undefined): string | null =>
  reason === undefined ? null : reason.slice(0, REASON_LENGTH_MAX)
