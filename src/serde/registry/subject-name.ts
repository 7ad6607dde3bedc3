import type { TopicPart } from './remote-serde.ts'

/** What the schema of a topic's keys or values is filed under. */
export type SubjectNameStrategy = (topic: string, part: TopicPart, recordName: string) => string

/** `<topic>-key` or `<topic>-value`: one schema, in versions, a topic. The default everywhere. */
export const topicNameStrategy: SubjectNameStrategy = (topic, part) => `${topic}-${part}`

/** The record's full name: the same schema for all topics that carry it. */
export const recordNameStrategy: SubjectNameStrategy = (_topic, _part, recordName) => recordName

/** `<topic>-<record's full name>`: several kinds of records in a topic, each with versions. */
export const topicRecordNameStrategy: SubjectNameStrategy = (topic, _part, recordName) =>
  `${topic}-${recordName}`
