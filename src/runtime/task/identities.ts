import { createHash } from 'node:crypto'

/** Short, for it goes with every committed offset; taken for another one once in 2^48. */
const HASH_LENGTH = 8

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, HASH_LENGTH)

/** Which topic it is, whatever its name; empty where the cluster has no ids. */
export const topicIdentity = (topicId: string): string => (topicId === '' ? '' : hashOf(topicId))

/**
 * Which changelogs a task has: a part that changes with their names, as where the topology is
 * another one, and one that changes where a topic is another one under its name.
 */
export function logsIdentity(changelogs: ReadonlyMap<string, string>): string {
  const sorted = [...changelogs].toSorted(([left], [right]) => (left < right ? -1 : 1))
  if (sorted.length === 0 || sorted.some(([, topicId]) => topicId === '')) return ''
  return `${hashOf(sorted.map(([topic]) => topic).join())}.${hashOf(sorted.join(';'))}`
}

/** Whether a changelog that was there is gone, and another one has its name. */
export function isReplaced(before: string, now: string): boolean {
  const [names] = now.split('.')
  return before !== '' && now !== '' && before !== now && before.split('.')[0] === names
}
