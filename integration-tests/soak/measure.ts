import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { topicPartitionKey } from '../../src/core/topic-partition.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import type { WorkerProcess } from '../support/worker-process.ts'
import type { ProcessReport } from './reporter.ts'

const MIB = 1024 * 1024

export interface ProcessMeasures {
  readonly rssMib: number
  readonly heapMib: number
  /** Open files and sockets, where the system tells; else what Node keeps track of. */
  readonly handles: number
}

/** Undefined for a process that has not said anything yet. */
export async function measureProcess(worker: WorkerProcess): Promise<ProcessMeasures | undefined> {
  const report = worker.lastMessage() as ProcessReport | undefined
  if (report === undefined) return undefined
  const files = await readdir(`/proc/${worker.pid}/fd`).catch(() => undefined)
  return {
    rssMib: report.rssBytes / MIB,
    heapMib: report.heapBytes / MIB,
    handles: files?.length ?? report.resources,
  }
}

/** What folders take of the disk, holes in files left out; files may go while it looks. */
export async function diskMib(folders: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
        () => [],
      )
      const blocks = await Promise.all(
        entries
          .filter((entry) => entry.isFile())
          .map(async ({ parentPath, name }) => {
            const found = await stat(join(parentPath, name)).catch(() => undefined)
            return found?.blocks ?? 0
          }),
      )
      return blocks.reduce((sum, count) => sum + count, 0)
    }),
  )
  return (sizes.reduce((sum, count) => sum + count, 0) * 512) / MIB
}

/** Committed input that is not processed; undefined while Kafka cannot tell. */
export async function lagOf(
  port: KafkaPort,
  applicationId: string,
  topic: string,
  partitions: number,
): Promise<number | undefined> {
  const inputs = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  try {
    const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
    const committed = await port.offsetFetch(applicationId, inputs, false)
    return committed.reduce((sum, { partition, offset }) => {
      return sum + (ends.get(topicPartitionKey(topic, partition)) ?? 0) - (offset ?? 0)
    }, 0)
  } catch {
    return undefined
  }
}
