import { taskId, type TaskId } from '../../core/task-id.ts'
import type { AssignableMember, AssignableTask } from './seats.ts'

/** `count` tasks of a sub-topology. */
export const tasksOf = (
  subTopology: number,
  count: number,
  stateful = true,
): readonly AssignableTask[] =>
  Array.from({ length: count }, (_, partition) => ({
    id: taskId(subTopology, partition),
    subTopology,
    stateful,
    logged: stateful,
  }))

/** A thread is called by its process and index: `a/0`. */
export const thread = (
  memberId: string,
  owned: readonly TaskId[] = [],
  stored: Readonly<Record<string, number>> = {},
  more: Partial<AssignableMember> = {},
): AssignableMember => {
  const [processId = '', index] = memberId.split('/')
  return {
    memberId,
    processId,
    threadIndex: Number(index),
    owned,
    stored: new Map(Object.entries(stored) as [TaskId, number][]),
    restoring: [],
    standby: [],
    caughtUp: [],
    ...more,
  }
}
