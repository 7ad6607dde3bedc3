import { throwIfFailed } from '../../wire/error-codes.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'
import type { BrokerAddress } from '../connection-settings.ts'

export type CoordinatorType = 'group' | 'transaction'

export interface Coordinator {
  readonly node: number
  readonly address: BrokerAddress
}

export const findCoordinatorRequest = (
  type: CoordinatorType,
  key: string,
): ProtocolRequest<Coordinator> => ({
  api: apis.findCoordinator,
  versions: [2, 2],
  encode: (writer) => void writer.string(key).int8(type === 'group' ? 0 : 1),
  decode: (reader) => {
    reader.throttle()
    const error = reader.int16()
    const message = reader.nullableString()
    throwIfFailed(error, `finding the coordinator of ${type} "${key}"`, message)
    return { node: reader.int32(), address: { host: reader.string(), port: reader.int32() } }
  },
})
