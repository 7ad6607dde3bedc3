import type { Topology } from 'millrace'
import type { Headers, RawRecord } from '../../src/core/record.ts'
import type { GeneratedRecord } from './generated-record.ts'
import type { Style } from './painting.ts'

/** What the demo needs to know of a case study, beside its topology. */
export interface CaseStudy {
  readonly topology: Topology
  /** Its module, seen from the root of the repository. */
  readonly file: string
  /** Topics that the demo writes. */
  readonly inputs: readonly string[]
  /** Topics that the topology writes and reads itself. */
  readonly loops: readonly string[]
  /** Its repartition topics: what is in them is still to be processed, too. */
  readonly internal: readonly string[]
  /** From the top of the screen. */
  readonly outputs: readonly Output[]
  /** `run` is what the names in it have in common: those of this run are known by it. */
  readonly workload: (seed: number, run: string) => Generator<GeneratedRecord, never>
  readonly inputInWords: (record: GeneratedRecord) => string
  readonly newFollower: (run: string) => Follower
  /**
   * Written to each partition, again and again, when all else is written and processed: event time
   * moves with records only, and what waits for it would wait for ever. Undefined: nothing does.
   */
  readonly closing?: (partition: number, round: number) => GeneratedRecord
  readonly newAudit: (run: string) => Audit
}

/** A topic that the topology writes, as the screen shows it. */
export interface Output {
  readonly topic: string
  readonly label: string
  readonly style?: Style
  /** How many of its records the screen shows. */
  readonly shown: number
  readonly inWords: (record: SeenRecord) => string
}

/** A record as text. */
export interface SeenRecord {
  readonly key: string
  readonly value: string
  readonly headers: Headers
}

/** Follows what goes in and comes out while it happens. */
export interface Follower {
  readonly wrote: (record: GeneratedRecord) => void
  readonly saw: (topic: string, record: SeenRecord) => void
  /** What to say of an output beside the number of its records. */
  readonly note: (topic: string) => string
  /** How many records are on their way inside, by the wall clock. */
  readonly underWay: () => number
  /** How many records wait for event time to move on. */
  readonly waiting: () => number
}

/** Reads everything back when all is done, and looks for each input record. */
export interface Audit {
  /** In the order in which they are to be read, each from its beginning. */
  readonly topics: readonly string[]
  readonly read: (topic: string, record: RawRecord) => void
  readonly close: () => Account
}

/** Where the input of a run has gone to. */
export interface Account {
  /** For programs. */
  readonly numbers: Readonly<Record<string, number>>
  /** Every input record is where it belongs, once. */
  readonly balanced: boolean
  /** For people. */
  readonly rows: readonly AccountRow[]
  readonly verdict: string
}

export type AccountRow = readonly [count: number, label: string]
