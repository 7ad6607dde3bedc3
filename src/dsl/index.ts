export type { AsyncMapper, AsyncOptions } from './async.ts'
export type { Buffered, BufferOptions } from './buffer.ts'
export type { TopologyBuilder } from './builder.ts'
export type { CogroupedStream, SessionCogroup, WindowedCogroup } from './cogrouped-stream.ts'
export {
  correlate,
  type Correlated,
  type CorrelateOptions,
  type LatePart,
  type PartsOf,
} from './correlate.ts'
export type { Decided } from './decided.ts'
export type { Deduped, DedupeOptions } from './dedupe.ts'
export type { Detected, DetectOptions } from './detected.ts'
export type { ForeignKeyOptions } from './foreign-key-join.ts'
export type { GlobalTable } from './global-table.ts'
export type { GroupedStream } from './grouped-stream.ts'
export type { GroupedTable } from './grouped-table.ts'
export { pattern, type Pattern, type PatternOptions, type StepOptions } from './pattern.ts'
export type { Overflow, RateLimited, RateLimitOptions } from './rate-limit.ts'
export type { NamedStepOptions, RetryOptions } from './retry.ts'
export { sideOutput } from './side-output.ts'
export type { ProcessedStream, Stream } from './stream.ts'
export type {
  GlobalSourceOptions,
  GroupOptions,
  ProcessOptions,
  RepartitionOptions,
  SinkOptions,
  SourceOptions,
} from './stream-options.ts'
export type { JoinStoreSettings, LateRecords, StreamJoinOptions } from './stream-stream-join.ts'
export type { TableJoinOptions } from './stream-table-join.ts'
export { untilTimeLimit, untilWindowCloses, type Suppression } from './suppression.ts'
export type { Table } from './table.ts'
export type { TableTableOptions } from './table-table-join.ts'
export { timestamps } from './timestamps.ts'
export { deadLetters, topic } from './topic.ts'
export { topology, type TopologyOptions } from './topology.ts'
export type { SessionStream, WindowedStream } from './windowed-stream.ts'
export { hopping, session, sliding, tumbling, unlimited, type WindowOptions } from './windows.ts'
