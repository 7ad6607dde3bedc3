import { KafkaError, type GroupDescription } from '../../port.ts'
import { throwIfFailed } from '../../wire/error-codes.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

/** The groups that one broker coordinates. */
export const listGroupsRequest: ProtocolRequest<readonly string[]> = {
  api: apis.listGroups,
  versions: [2, 2],
  encode: () => {},
  decode: (reader) => {
    reader.throttle()
    throwIfFailed(reader.int16(), 'listing groups')
    return reader.array(() => {
      const groupId = reader.string()
      reader.string()
      return groupId
    })
  },
}

export const describeGroupRequest = (groupId: string): ProtocolRequest<GroupDescription> => ({
  api: apis.describeGroups,
  versions: [4, 4],
  encode: (writer) => void writer.array([groupId], (id) => writer.string(id)).boolean(false),
  decode: (reader) => {
    reader.throttle()
    const [description] = reader.array(() => {
      throwIfFailed(reader.int16(), `describing group "${groupId}"`)
      reader.string()
      const state = reader.string()
      reader.string()
      reader.string()
      const members = reader.array(() => {
        const memberId = reader.string()
        reader.nullableString()
        const member = { memberId, clientId: reader.string(), host: reader.string() }
        reader.bytes()
        reader.bytes()
        return member
      })
      reader.int32()
      return { groupId, state, members }
    })
    if (description === undefined) {
      throw new KafkaError('UNKNOWN_SERVER_ERROR', 'fatal', `no description of group "${groupId}"`)
    }
    return description
  },
})

export const deleteGroupRequest = (groupId: string): ProtocolRequest<void> => ({
  api: apis.deleteGroups,
  versions: [1, 1],
  encode: (writer) => void writer.array([groupId], (id) => writer.string(id)),
  decode: (reader) => {
    reader.throttle()
    reader.array(() => {
      reader.string()
      throwIfFailed(reader.int16(), `deleting group "${groupId}"`)
    })
  },
})
