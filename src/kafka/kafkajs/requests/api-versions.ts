import { throwIfFailed } from '../../wire/error-codes.ts'
import { apis, type ProtocolRequest } from '../../wire/protocol-request.ts'

export interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

export interface BrokerVersions {
  /** By API key. */
  readonly ranges: Readonly<Record<number, VersionRange>>
  /** Finalized level of the feature `transaction.version` (KIP-890); 0 where there is none. */
  readonly transactionVersion: number
}

const CLIENT_NAME = 'millrace'
const CLIENT_VERSION = '0'
const TAG_FINALIZED_FEATURES = 2

export const apiVersionsRequest: ProtocolRequest<BrokerVersions> = {
  api: apis.apiVersions,
  versions: [3, 3],
  encode: (writer) => void writer.string(CLIENT_NAME).string(CLIENT_VERSION).tags(),
  decode: (reader) => {
    throwIfFailed(reader.int16(), 'asking a broker for its versions')
    const ranges: Record<number, VersionRange> = {}
    reader.array(() => {
      ranges[reader.int16()] = { minVersion: reader.int16(), maxVersion: reader.int16() }
      reader.tags()
    })
    reader.throttle()
    let transactionVersion = 0
    reader.taggedFields((tag, field) => {
      if (tag !== TAG_FINALIZED_FEATURES) return
      field.array(() => {
        const name = field.string()
        const level = field.int16()
        field.int16()
        field.tags()
        if (name === 'transaction.version') transactionVersion = level
      })
    })
    return { ranges, transactionVersion }
  },
}
