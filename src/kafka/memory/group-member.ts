import type { JoinRequest, JoinResponse } from '../port.ts'
import type { KafkaError } from '../port.ts'

/** A request that waits at the coordinator for the other members. */
export interface Waiting<T> {
  readonly resolve: (answer: T) => void
  readonly reject: (error: KafkaError) => void
}

export type Protocols = JoinRequest['protocols']

/** A member as the coordinator knows it. */
export interface Member {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: Protocols
  assignment: Uint8Array
  /** Has not been in a generation yet: its session is the long one of a first join. */
  isNew: boolean
  joining: Waiting<JoinResponse> | null
  syncing: Waiting<Uint8Array> | null
}

export const noAssignment: Uint8Array = new Uint8Array(0)

export const newMember = (memberId: string, clientId: string, request: JoinRequest): Member => ({
  memberId,
  instanceId: request.instanceId,
  clientId,
  sessionTimeoutMs: request.sessionTimeoutMs,
  rebalanceTimeoutMs: request.rebalanceTimeoutMs,
  protocols: copyOf(request.protocols),
  assignment: noAssignment,
  isNew: true,
  joining: null,
  syncing: null,
})

export function update(member: Member, request: JoinRequest): void {
  member.protocols = copyOf(request.protocols)
  member.sessionTimeoutMs = request.sessionTimeoutMs
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
}

export const offersTheSame = (member: Member, protocols: Protocols): boolean =>
  member.protocols.length === protocols.length &&
  member.protocols.every(
    ({ name, metadata }, index) =>
      name === protocols[index]?.name && Buffer.compare(metadata, protocols[index].metadata) === 0,
  )

/** The protocol that every member speaks and most prefer. */
export function chooseProtocol(members: readonly Member[]): string | undefined {
  const votes = new Map<string, number>()
  for (const member of members) {
    const favourite = member.protocols.find(({ name }) => isSpokenByAll(members, name))
    if (favourite !== undefined) votes.set(favourite.name, (votes.get(favourite.name) ?? 0) + 1)
  }
  return [...votes].sort(([, left], [, right]) => right - left)[0]?.[0]
}

export const isSpokenByAll = (members: Iterable<Member>, protocol: string): boolean =>
  [...members].every(({ protocols }) => protocols.some(({ name }) => name === protocol))

/** A caller may use its buffers again. */
const copyOf = (protocols: Protocols): Protocols =>
  protocols.map(({ name, metadata }) => ({ name, metadata: new Uint8Array(metadata) }))
