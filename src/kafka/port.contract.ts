import { describe } from 'vitest'
import { dataContract } from './port.contract.data.ts'
import { groupsContract } from './port.contract.groups.ts'
import type { ContractCluster } from './port.contract.kit.ts'
import { offsetsContract } from './port.contract.offsets.ts'
import { topicsContract } from './port.contract.topics.ts'
import { transactionsContract } from './port.contract.transactions.ts'

/** Sessions end after six real seconds, and a broker looks for expired transactions every ten. */
const TIMEOUT_MS = 60_000

/**
 * What every adapter of {@link KafkaPort} promises, told case by case. A cluster may be shared by
 * all cases and be in use: names are unique, and nothing else is touched.
 *
 * @param open - gives each case its own view of a cluster
 */
export function portContract(name: string, open: () => Promise<ContractCluster>): void {
  describe(`${name} is a Kafka port`, { timeout: TIMEOUT_MS }, () => {
    topicsContract(open)
    dataContract(open)
    transactionsContract(open)
    offsetsContract(open)
    groupsContract(open)
  })
}
