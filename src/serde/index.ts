export { avro, type AvroOptions, type AvroSchema } from './avro/avro.ts'
export { bytes } from './bytes.ts'
export { json } from './json.ts'
export { jsonSchema, type JsonSchema } from './json-schema/json-schema.ts'
export { double, int32, long } from './number.ts'
export { protobuf, type ProtobufOptions } from './protobuf/protobuf.ts'
export {
  recordNameStrategy,
  topicNameStrategy,
  topicRecordNameStrategy,
  type SubjectNameStrategy,
} from './registry/subject-name.ts'
export type { RegistrySerdeOptions } from './registry/registry-serde.ts'
export type { Deserializer, Serde, Serializer } from './serde.ts'
export { string } from './string.ts'
export { sessionWindowed, windowed, type Window, type Windowed } from './windowed-key.ts'
