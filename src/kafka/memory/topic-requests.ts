import type { KafkaPort } from '../port.ts'
import { anyBroker, type ClientLine } from './client-line.ts'
import type { ClusterState } from './cluster-state.ts'

type TopicRequests = Pick<
  KafkaPort,
  'createTopics' | 'describeConfigs' | 'deleteRecords' | 'deleteTopics' | 'deleteTopicsById'
>

export const topicRequests = (
  { topics, groups, changes }: ClusterState,
  line: ClientLine,
): TopicRequests => ({
  createTopics: (specs) =>
    line.send({ api: 'createTopics', to: anyBroker, effect: () => topics.create(specs) }),

  describeConfigs: (names) =>
    line.send({
      api: 'describeConfigs',
      to: anyBroker,
      effect: () => new Map(names.map((name) => [name, topics.configsOf(name)])),
    }),

  deleteRecords: (partitions) =>
    line.send({
      api: 'deleteRecords',
      to: anyBroker,
      partitions,
      effect: () => {
        for (const each of partitions) topics.partition(each).log.deleteBefore(each.before)
      },
    }),

  deleteTopics: (names) =>
    line.send({
      api: 'deleteTopics',
      to: anyBroker,
      effect: () => {
        for (const name of names) {
          topics.delete(name)
          groups.forgetTopic(name)
        }
        changes.notify()
      },
    }),

  deleteTopicsById: (ids) =>
    line.send({
      api: 'deleteTopicsById',
      to: anyBroker,
      effect: () => {
        for (const id of ids) groups.forgetTopic(topics.deleteById(id))
        changes.notify()
      },
    }),
})
