import type { TaskId } from '../../core/task-id.ts'

const failedTask = Symbol('failed task')

/** Runs what belongs to one task, and says so in the error where it fails. */
export function onBehalfOf<T>(task: TaskId, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Error && !(failedTask in error) && Object.isExtensible(error)) {
      Object.defineProperty(error, failedTask, { value: task })
    }
    throw error
  }
}

/** The task a failure happened in; undefined where it was none in particular. */
export const taskOfFailure = (error: unknown): TaskId | undefined =>
  error instanceof Error && failedTask in error ? (error[failedTask] as TaskId) : undefined
