import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { answeredWithin } from '../../kafka/client/answered-within.ts'
import { GroupMembership } from '../../kafka/client/group-membership.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { assignmentFor, subscriptionMetadata, type AssignmentError } from './subscription.ts'

/** For what comes on top of the others' rebalance time-out. */
const SPARE_MS = 5_000

export interface StopRequest {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  readonly processId: string
  /** The thread that failed. */
  readonly threadIndex: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** What every member of the group will fail with. */
  readonly reason: AssignmentError
}

/**
 * Has every member of the group fail with this reason (KIP-671): joins the group as one more
 * member, whose subscription says so; the leader then assigns the reason and nothing else. Who
 * joins the group later knows nothing of it. Rejects where the group cannot be told.
 */
export async function requestStop(request: StopRequest): Promise<void> {
  const { clock, reason } = request
  const membership = new GroupMembership({
    ...request,
    groupId: request.applicationId,
    instanceId: null,
    protocolName: 'millrace',
    onEvent: () => {},
  })
  const metadata = subscriptionMetadata({ ...request, owned: [], stored: new Map(), stop: reason })
  const told = stopAssignment(reason)
  try {
    const joining = membership.join(
      metadata,
      (members) => Promise.resolve(new Map(members.map(({ memberId }) => [memberId, told]))),
      `the application is to stop: ${reason.message}`,
    )
    await answeredWithin(clock, request.rebalanceTimeoutMs + SPARE_MS, joining)
  } finally {
    await membership.leave({ reason: 'the others have been told to stop' })
  }
}

/** For every member alike. */
export const stopAssignment = ({ code, message, hint }: AssignmentError): Uint8Array =>
  assignmentFor({ tasks: [], rejoinAfterRevoke: false, error: { code, message, hint } })
