import type { TopologyBuilder } from '../builder.ts'

/** A row of a store, or a record of a topic, where a windowed key is written out. */
export interface Row {
  readonly key: string | WindowedKey | null
  readonly value: unknown
  /** Plain stores of processors and session stores have none in Kafka Streams. */
  readonly timestampMs?: number
}

export interface WindowedKey {
  readonly key: string
  readonly windowStartMs: number
  readonly windowEndMs: number
}

/** One run of a topology of real Kafka Streams 4.3.1 under its `TopologyTestDriver`. */
export interface Fixture {
  readonly name: string
  readonly family: string
  readonly params: { readonly cacheBytes?: number; readonly emitIntervalMs?: number }
  readonly initialWallClockMs: number
  readonly input: readonly (
    | {
        readonly topic: string
        readonly key: string | null
        readonly value: unknown
        readonly timestampMs: number
      }
    | { readonly advanceWallClockMs: number }
  )[]
  readonly output: Readonly<Record<string, readonly Row[]>>
  /** For each record of `output`, the index of the input that caused it. */
  readonly outputAt: Readonly<Record<string, readonly number[]>>
  readonly stores: Readonly<Record<string, readonly Row[]>>
}

/** Builds the topology of a family of fixtures; each says which parameters it has. */
export type Family = (builder: TopologyBuilder, params: never) => void

export type Families = Readonly<Record<string, Family>>

export const isFixture = (file: object): file is Fixture =>
  'family' in file && 'params' in file && 'input' in file && 'output' in file
