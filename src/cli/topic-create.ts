import { createTopics } from '../admin/create-topics.ts'
import { systemClock } from '../core/clock.ts'
import { badUsage, connectionOptions, type Command } from './command-line.ts'
import { withKafka } from './connection.ts'
import { print } from './terminal.ts'

/** Exit code 1 where a topic is there with another number of partitions. */
export const topicCreate: Command = {
  usage: 'topic create <name…> --partitions N [options]',
  help: 'Creates topics that are not there yet. Those that are stay as they are.',
  operand: '<name>',
  takesMany: true,
  options: {
    ...connectionOptions,
    partitions: { type: 'string', value: 'N', help: 'of each topic, for good' },
    'replication-factor': { type: 'string', value: 'N', help: "the cluster's unless given" },
  },
  run: async (line, began) => {
    const partitions = line.number('partitions', 1)
    if (partitions === undefined) throw badUsage('--partitions is missing', line.command)
    const replicationFactor = line.number('replication-factor', 1) ?? -1
    const topics = await withKafka(line, (port) => {
      began()
      return createTopics(port, systemClock, line.operands, { partitions, replicationFactor })
    })
    for (const topic of topics) {
      const what = topic.isNew ? 'created' : 'there already,'
      const count = `${topic.partitions} ${topic.partitions === 1 ? 'partition' : 'partitions'}`
      print(`${topic.name}: ${what} with ${count}`)
    }
    return topics.every((topic) => topic.partitions === partitions) ? 0 : 1
  },
}
