import type { RowsAnswer, RowsQuestion, ValueAnswer, ValueQuestion } from '../query/question.ts'
import type { GroupView } from '../runtime/assignment/subscription.ts'
import type { KafkaConnection } from '../kafka/kafkajs/kafkajs-port.ts'
import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import type { MemoryShare, ThreadConfig } from '../runtime/thread/thread-config.ts'
import type { ThreadState } from '../runtime/thread/thread-state.ts'
import type { SchemaRegistryConnection } from '../serde/registry/confluent-registry.ts'
import type { ErrorData } from './error-data.ts'
import type { LogOptions } from './pino-logger.ts'
import type { PostedConnection } from './posted-connection.ts'

/** Everything a thread is started with; plain data but for the connection. */
export interface ThreadStart {
  readonly topologyUrl: string
  /** The id of a shadow to be run instead: the same graph with topics of its own. */
  readonly shadow?: string
  /** Of the topology as the application built it; the thread's own must be equal. */
  readonly fingerprint: string
  readonly config: ThreadConfig
  readonly connection: KafkaConnection
  readonly schemaRegistry: SchemaRegistryConnection | undefined
  /** The state directory of the process. */
  readonly statePath: string
  readonly log: LogOptions
  /** See `tracing` of `StartOptions`; undefined: off. */
  readonly tracing?: true | string | undefined
  /**
   * Whether the application keeps what it compiles for later starts (`module.enableCompileCache`).
   */
  readonly compileCache: boolean
}

/** As it is handed over as `workerData`. */
export type PostedStart = Omit<ThreadStart, 'connection'> & {
  readonly connection: PostedConnection
}

export type ToThread =
  | { readonly type: 'stop'; readonly forGood: boolean }
  | { readonly type: 'pause'; readonly paused: boolean }
  | { readonly type: 'share'; readonly memory: MemoryShare }
  | { readonly type: 'snapshot'; readonly requestId: number }
  | { readonly type: 'get'; readonly requestId: number; readonly question: ValueQuestion }
  | { readonly type: 'scan'; readonly requestId: number; readonly question: RowsQuestion }

export type FromThread =
  | { readonly type: 'state'; readonly state: ThreadState }
  | { readonly type: 'failed'; readonly error: ErrorData }
  | { readonly type: 'snapshot'; readonly requestId: number; readonly snapshot: ThreadSnapshot }
  | {
      readonly type: 'value'
      readonly requestId: number
      /** Undefined: no task of this thread owns the key. */
      readonly answer: ValueAnswer | undefined
    }
  | { readonly type: 'rows'; readonly requestId: number; readonly answer: RowsAnswer }
  | { readonly type: 'group'; readonly group: GroupView }
  | {
      readonly type: 'query-failed'
      readonly requestId: number
      readonly error: ErrorData
    }
