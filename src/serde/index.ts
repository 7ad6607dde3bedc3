export { avro, type AvroOptions, type AvroSchema } from './avro/avro.ts'
export { bytes } from './bytes.ts'
export { json } from './json.ts'
export { double, int32, long } from './number.ts'
export {
  recordNameStrategy,
  topicNameStrategy,
  topicRecordNameStrategy,
  type SubjectNameStrategy,
} from './registry/subject-name.ts'
export type { Deserializer, Serde, Serializer } from './serde.ts'
export { string } from './string.ts'
export { sessionWindowed, windowed, type Window, type Windowed } from './windowed-key.ts'
