import { parseTaskId, type TaskId } from '../../core/task-id.ts'
import type { Topology } from '../../topology/topology.ts'

/** How many stores these tasks have between them. */
export const storeCount = ({ subTopologies }: Topology, tasks: readonly TaskId[]): number =>
  tasks.reduce(
    (sum, task) => sum + (subTopologies[parseTaskId(task).subTopology]?.stores.length ?? 0),
    0,
  )
