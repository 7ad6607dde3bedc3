/** A thread of a group, over its restarts. */
export type ThreadName = `${string}-${number}`

export const threadName = ({
  processId,
  threadIndex,
}: {
  readonly processId: string
  readonly threadIndex: number
}): ThreadName => `${processId}-${threadIndex}`

/** What the transactions of a thread go by. */
export const transactionalIdOf = (applicationId: string, thread: ThreadName): string =>
  `${applicationId}-${thread}`
