import { KafkaError, type GroupMember } from '../port.ts'

/** The same member in a later generation of its group; undefined where there is none. */
export type SuccessorOf = (earlier: GroupMember) => Promise<GroupMember | undefined>

export const noSuccessor: SuccessorOf = () => Promise.resolve(undefined)

/**
 * Sends something in the member's generation, and again in the next one where the group has moved
 * on to it meanwhile: Kafka has refused the first, so nothing of it was written.
 */
export async function inGenerationOf(
  member: GroupMember,
  successorOf: SuccessorOf,
  send: (member: GroupMember) => Promise<void>,
): Promise<void> {
  for (let current = member; ;) {
    try {
      return await send(current)
    } catch (error) {
      const next = isOfEarlierGeneration(error) ? await successorOf(current) : undefined
      if (next === undefined) throw error
      current = next
    }
  }
}

const isOfEarlierGeneration = (error: unknown): boolean =>
  error instanceof KafkaError &&
  (error.code === 'ILLEGAL_GENERATION' || error.code === 'REBALANCE_IN_PROGRESS')
