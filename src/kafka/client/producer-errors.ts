import { KafkaError } from '../port.ts'
import type { OutgoingTopic } from './outgoing-topic.ts'

export const tooLarge = (topic: string, bytes: number, bytesMax: number): KafkaError =>
  new KafkaError(
    'MESSAGE_TOO_LARGE',
    'fatal',
    `a record for "${topic}" takes ${bytes} bytes, more than ${bytesMax}`,
  )

export const noSuchPartition = (topic: OutgoingTopic, partition: number): KafkaError =>
  new KafkaError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    'fatal',
    `"${topic.name}" has ${topic.partitions.length} partitions and no partition ${partition}`,
  )

export const closedError = (): KafkaError =>
  new KafkaError('PRODUCER_CLOSED', 'fatal', 'this producer was closed')
