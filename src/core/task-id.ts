/** A sub-topology and a partition number, written `0_3` as in Kafka Streams. */
export type TaskId = `${number}_${number}`

export const taskId = (subTopology: number, partition: number): TaskId =>
  `${subTopology}_${partition}`

export const parseTaskId = (id: TaskId): { subTopology: number; partition: number } => {
  const [subTopology, partition] = id.split('_')
  return { subTopology: Number(subTopology), partition: Number(partition) }
}
