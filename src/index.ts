// What you write: a topology is a module's default export.
export { topology, type TopologyOptions } from './dsl/topology.ts'
export { deadLetters, topic } from './dsl/topic.ts'
export type { TopologyBuilder } from './dsl/builder.ts'
export type { ProcessedStream, Stream } from './dsl/stream.ts'
export type { GroupedStream } from './dsl/grouped-stream.ts'
export type { CogroupedStream, SessionCogroup, WindowedCogroup } from './dsl/cogrouped-stream.ts'
export { hopping, session, sliding, tumbling, unlimited } from './dsl/windows.ts'
export type { WindowOptions } from './dsl/windows.ts'
export type { SessionStream, WindowedStream } from './dsl/windowed-stream.ts'
export type { Table } from './dsl/table.ts'
export type { GlobalTable } from './dsl/global-table.ts'
export { untilTimeLimit, untilWindowCloses, type Suppression } from './dsl/suppression.ts'
export type { JoinStoreSettings, LateRecords, StreamJoinOptions } from './dsl/stream-stream-join.ts'
export type { TableJoinOptions } from './dsl/stream-table-join.ts'
export type { TableTableOptions } from './dsl/table-table-join.ts'
export type { ForeignKeyOptions } from './dsl/foreign-key-join.ts'
export type { GroupedTable } from './dsl/grouped-table.ts'
export type { GroupOptions, ProcessOptions, RepartitionOptions } from './dsl/stream-options.ts'
export type { GlobalSourceOptions, SinkOptions, SourceOptions } from './dsl/stream-options.ts'
export { timestamps } from './dsl/timestamps.ts'
export type { SinkTopic, Topic } from './topology/topic.ts'
export type { Topology } from './topology/topology.ts'
export { aggregatorOf, allOf, averageOf } from './operators/aggregators/aggregators.ts'
export { collectOf, countOf, firstOf, lastOf } from './operators/aggregators/aggregators.ts'
export { maxOf, minOf, sumOf, topOf } from './operators/aggregators/aggregators.ts'
export type { Aggregator, ReversibleAggregator } from './operators/aggregators/aggregators.ts'
export type { CollectOptions, LastOption, TopOptions } from './operators/aggregators/aggregators.ts'
export type { FailurePolicy, TimestampExtractor } from './topology/graph.ts'

// How records are written.
export { avro, bytes, double, int32, json, long, string } from './serde/index.ts'
export { sessionWindowed, windowed, type Window, type Windowed } from './serde/index.ts'
export { recordNameStrategy, topicNameStrategy, topicRecordNameStrategy } from './serde/index.ts'
export type { AvroOptions, AvroSchema, SubjectNameStrategy } from './serde/index.ts'
export type { Deserializer, Serde, Serializer } from './serde/index.ts'

// Where state is kept.
export { keyValueStore, sessionStore, timerStore, windowStore } from './topology/stores.ts'
export { versionedStore, type VersionedStoreOptions } from './topology/stores.ts'
export type { KeyValueStoreOptions, TimerStoreSpecFor } from './topology/stores.ts'
export type { KeyTimer, Timer, TimerClock } from './state/timer-store.ts'
export type { KeyValueStoreSpec, VersionedStoreSpec } from './state/store-spec.ts'
export type { Version, VersionedStore, VersionPlace } from './state/versioned-store.ts'
export type { SessionStore, WindowStore } from './state/window-store.ts'
export type { KeyValueStore, ReadOnlyKeyValueStore, ValueAndTimestamp } from './state/store.ts'

// How events are sourced, and patterns of them found.
export { reject, type Decider, type Rejected, type Rejection } from './operators/decide.ts'
export type { Decided } from './dsl/decided.ts'
export { pattern, type Pattern, type PatternOptions, type StepOptions } from './dsl/pattern.ts'
export type { Detected, DetectOptions } from './dsl/detected.ts'

// What a processor of your own is given.
export { sideOutput } from './dsl/side-output.ts'
export type { Cancellable, ForwardedRecord, KeyTimers, Processor } from './topology/processor.ts'
export type { ProcessorContext, PunctuationType, SideOutput } from './topology/processor.ts'
export type { FixedKeyForwardedRecord, FixedKeyProcessor } from './topology/fixed-key-processor.ts'
export type { FixedKeyProcessorContext } from './topology/fixed-key-processor.ts'
export type { GlobalProcessor, GlobalProcessorContext } from './topology/global-processor.ts'
export type { Header, Headers, Meta, StreamRecord } from './core/record.ts'
export type { Duration } from './core/duration.ts'

// What you run.
export { start, type StartOptions } from './app/start.ts'
export type { Application, ApplicationState, LocalStoreView } from './app/application.ts'
export { replay, type ReplayOptions, type ReplayPlan } from './app/replay.ts'

// What a topology looks like.
export { describeAsJson, describeAsText, type TopologyDescription } from './topology/describe.ts'

// What may go wrong.
export { errorCodes, isStreamsError, StreamsError, type ErrorCode } from './core/errors.ts'
