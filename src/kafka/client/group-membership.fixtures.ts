import { silentLogger } from '../../core/logger.ts'
import { bytesOf, textOf, type Simulation } from './client.fixtures.ts'
import {
  GroupMembership,
  type Assign,
  type GroupMembershipOptions,
  type MembershipState,
} from './group-membership.ts'

export const SESSION_MS = 10_000
export const HEARTBEAT_MS = 3_000

export interface Client {
  readonly membership: GroupMembership
  readonly states: MembershipState[]
}

export async function client(
  simulation: Simulation,
  name: string,
  options: Partial<GroupMembershipOptions> = {},
): Promise<Client> {
  const port = await simulation.connect(name)
  const states: MembershipState[] = []
  const membership: GroupMembership = new GroupMembership({
    port,
    clock: simulation.clock,
    logger: silentLogger,
    groupId: 'billing',
    instanceId: null,
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: 30_000,
    heartbeatIntervalMs: HEARTBEAT_MS,
    protocolName: 'millrace',
    onEvent: () => states.push(membership.state),
    ...options,
  })
  return { membership, states }
}

/** Everybody is told how many they are and what they said of themselves. */
export const byCount: Assign = async (members) =>
  new Map(
    members.map(({ memberId, metadata }) => [
      memberId,
      bytesOf(`${textOf(metadata)} of ${members.length}`),
    ]),
  )

export const joined = async ({ membership }: Client, metadata: string): Promise<string | null> =>
  textOf(await membership.join(bytesOf(metadata), byCount))
