import { KafkaError, type KafkaPort } from '../port.ts'

/** The code of committed offsets that may be those of a coordinator that was replaced. */
export const COORDINATOR_UNPROVEN = 'COORDINATOR_UNPROVEN'

/**
 * The same cluster, but committed offsets are believed only of a coordinator that has proven, by a
 * write, that it still is one: by a new generation, or by offsets in a transaction. Whoever fails
 * to answer is looked for again, and may be somebody else: see
 * docs/decisions/0010-a-coordinator-proves-itself.md. What is asked for without `requireStable`
 * needs no proof.
 */
export function provenPort(port: KafkaPort): KafkaPort {
  let isProven = false
  let doubts = 0
  let generation = -1
  const asked = async <T>(request: Promise<T>): Promise<T> => {
    try {
      return await request
    } catch (error) {
      if (error instanceof KafkaError && losesCoordinator(error)) {
        isProven = false
        doubts += 1
      }
      throw error
    }
  }
  /** A write that was accepted, by whoever is still taken for the coordinator. */
  const proving = async <T>(request: Promise<T>, isProof: boolean): Promise<T> => {
    const before = doubts
    const answer = await asked(request)
    if (isProof && doubts === before) isProven = true
    return answer
  }
  return {
    ...port,
    joinGroup: (request) => asked(port.joinGroup(request)),
    heartbeat: (member) => asked(port.heartbeat(member)),
    syncGroup: async (member, ...rest) => {
      // One that has slept still knows the generation before.
      const isNew = member.generation !== generation
      const assignment = await proving(port.syncGroup(member, ...rest), isNew)
      generation = member.generation
      return assignment
    },
    txnOffsetCommit: (...args) => proving(port.txnOffsetCommit(...args), true),
    offsetFetch: async (groupId, partitions, requireStable) => {
      const [wasProven, before] = [isProven, doubts]
      const offsets = await asked(port.offsetFetch(groupId, partitions, requireStable))
      if (!requireStable || (wasProven && doubts === before)) return offsets
      throw new KafkaError(
        COORDINATOR_UNPROVEN,
        'rejoin',
        `whoever knows the offsets of group "${groupId}" has not proven that it coordinates it`,
      )
    },
  }
}

/** After these the client asks who coordinates. */
const losesCoordinator = ({ kind, code }: KafkaError): boolean =>
  kind === 'network' ||
  kind === 'stale-metadata' ||
  code === 'NOT_COORDINATOR' ||
  code === 'COORDINATOR_NOT_AVAILABLE'
