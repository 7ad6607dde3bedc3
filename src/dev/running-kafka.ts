/** A Kafka for demos, tests and CI. Brokers are counted from 0, in the order of `brokers`. */
export interface RunningKafka extends AsyncDisposable {
  /** Bootstrap servers, `host:port`. */
  readonly brokers: readonly string[]
  /** `external`: named by `KAFKA_BROKERS`, neither started nor stopped by us. */
  readonly kind: 'external' | 'java' | 'docker'
  /** False for one that was there before: external, or detached and already running. */
  readonly isNew: boolean
  /** Data and logs (`node-1.log`, …); removed by `stop`. Only where the JVM is ours. */
  readonly dataDir?: string
  /** Ends every broker and removes the data. Stopping twice is no error. */
  readonly stop: () => Promise<void>
  /** `SIGKILL`: the broker gets no chance to say good-bye. */
  readonly killBroker: (index: number) => Promise<void>
  /** Restarts a killed broker on its data and its port; resolves when it serves again. */
  readonly startBroker: (index: number) => Promise<void>
  /** `SIGSTOP`: connections stay open and nothing answers. */
  readonly freezeBroker: (index: number) => Promise<void>
  readonly thawBroker: (index: number) => Promise<void>
}

export interface KafkaOptions {
  /** Three are replicated three times, with two in sync needed for `acks=all`. Default 1. */
  readonly brokers?: 1 | 3
  readonly onProgress?: (line: string) => void
  /** Broker settings, over ours. */
  readonly configs?: Readonly<Record<string, string>>
  /**
   * `this-process` (default): ends with it, even when it is killed. `detached`: one a user, runs
   * until `stopKafka`; a second start finds the first.
   */
  readonly owner?: 'this-process' | 'detached'
  /** Never the Kafka of `KAFKA_BROKERS`: for tests that kill brokers. A detached one implies it. */
  readonly own?: boolean
}
