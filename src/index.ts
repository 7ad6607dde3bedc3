// What you write: a topology is a module's default export.
export { correlate, deadLetters, pattern, sideOutput, timestamps, topic } from './dsl/index.ts'
export { hopping, session, sliding, topology, tumbling, unlimited } from './dsl/index.ts'
export { untilTimeLimit, untilWindowCloses } from './dsl/index.ts'
export type { TopologyBuilder, TopologyOptions } from './dsl/index.ts'
export type { GroupedStream, GroupedTable, ProcessedStream, Stream, Table } from './dsl/index.ts'
export type { CogroupedStream, SessionCogroup, WindowedCogroup } from './dsl/index.ts'
export type { SessionStream, WindowedStream, WindowOptions } from './dsl/index.ts'
export type { Correlated, Decided, Deduped, Detected, LatePart, PartsOf } from './dsl/index.ts'
export type { CorrelateOptions, DedupeOptions, DetectOptions, Suppression } from './dsl/index.ts'
export type { JoinStoreSettings, LateRecords, StreamJoinOptions } from './dsl/index.ts'
export type { ForeignKeyOptions, TableJoinOptions, TableTableOptions } from './dsl/index.ts'
export type { AsyncMapper, AsyncOptions } from './dsl/index.ts'
export type { AsyncMeta } from './operators/async/async-meta.ts'
export type { GroupOptions, ProcessOptions, RepartitionOptions } from './dsl/index.ts'
export type { Pattern, PatternOptions, StepOptions } from './dsl/index.ts'
export { exponential, fixed } from './operators/retry/backoff.ts'
export type { Backoff, ExponentialOptions } from './operators/retry/backoff.ts'
export type { Buffered, BufferOptions, NamedStepOptions, RetryOptions } from './dsl/index.ts'
export type { Overflow, RateLimited, RateLimitOptions } from './dsl/index.ts'
export type { GlobalSourceOptions, GlobalTable, SinkOptions, SourceOptions } from './dsl/index.ts'
export type { SinkTopic, Topic } from './topology/topic.ts'
export type { Topology } from './topology/topology.ts'
export { aggregatorOf, allOf, averageOf } from './operators/aggregators/aggregators.ts'
export { collectOf, countOf, firstOf, lastOf } from './operators/aggregators/aggregators.ts'
export { maxOf, minOf, sumOf, topOf } from './operators/aggregators/aggregators.ts'
export type { Aggregator, ReversibleAggregator } from './operators/aggregators/aggregators.ts'
export type { CollectOptions, LastOption, TopOptions } from './operators/aggregators/aggregators.ts'
export type { FailurePolicy, TimestampExtractor } from './topology/graph.ts'

// How records are written.
export { avro, jsonSchema, protobuf } from './serde/index.ts'
export { bytes, double, int32, json, long, string } from './serde/index.ts'
export { sessionWindowed, windowed, type Window, type Windowed } from './serde/index.ts'
export { recordNameStrategy, topicNameStrategy, topicRecordNameStrategy } from './serde/index.ts'
export type { AvroOptions, AvroSchema, JsonSchema, ProtobufOptions } from './serde/index.ts'
export type { RegistrySerdeOptions, SubjectNameStrategy } from './serde/index.ts'
export type { Deserializer, Serde, Serializer } from './serde/index.ts'

// Where state is kept.
export { keyValueStore, sessionStore, timerStore, windowStore } from './topology/stores.ts'
export { versionedStore, type VersionedStoreOptions } from './topology/stores.ts'
export type { KeyValueStoreOptions, TimerStoreSpecFor } from './topology/stores.ts'
export type { KeyTimer, Timer, TimerClock } from './state/timer-store.ts'
export type { KeyValueStoreSpec, TimeToLive, VersionedStoreSpec } from './state/store-spec.ts'
export type { Version, VersionedStore, VersionPlace } from './state/versioned-store.ts'
export type { SessionStore, WindowStore } from './state/window-store.ts'
export type { KeyValueStore, ReadOnlyKeyValueStore, ValueAndTimestamp } from './state/store.ts'

// How events are sourced.
export { reject, type Decider, type Rejected, type Rejection } from './operators/decide.ts'

// What a processor of your own is given.
export type { Cancellable, ForwardedRecord, KeyTimers, Processor } from './topology/processor.ts'
export type { ProcessorContext, PunctuationType, SideOutput } from './topology/processor.ts'
export type { FixedKeyForwardedRecord, FixedKeyProcessor } from './topology/fixed-key-processor.ts'
export type { FixedKeyProcessorContext } from './topology/fixed-key-processor.ts'
export type { GlobalProcessor, GlobalProcessorContext } from './topology/global-processor.ts'
export type { Header, Headers, Meta, StreamRecord } from './core/record.ts'
export type { Duration } from './core/duration.ts'
export type { TaskId } from './core/task-id.ts'

// What you run.
export { start, type StartOptions, type UncaughtErrorPolicy } from './app/start.ts'
export type { Application, ApplicationState, Instance, KeyMetadata } from './app/application.ts'
export type { GetOptions, ReadOptions, ScanOptions, StoreView } from './app/store-view.ts'
export type { Staleness, StoreRow, StoreRows, StoreValue } from './app/store-view.ts'
export type { Compression, Guarantee, Health, LogOptions } from './app/index.ts'
export type { SaslCredentials, SchemaRegistryConnection, ThreadSnapshot } from './app/index.ts'
export { replay, type ReplayOptions, type ReplayPlan, type ReplayTo } from './app/replay.ts'

// What a topology looks like.
export { describeAsJson, describeAsText, type TopologyDescription } from './topology/describe.ts'
export type { StoreDescription, SubTopologyDescription } from './topology/describe.ts'

// What may go wrong.
export { errorCodes, isStreamsError, StreamsError, type ErrorCode } from './core/errors.ts'
