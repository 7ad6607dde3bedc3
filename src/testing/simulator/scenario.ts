import type { Random } from '../../core/random.ts'
import type { RawRecord } from '../../core/record.ts'
import { partitionForKey } from '../../kafka/wire/murmur2.ts'
import type { Guarantee } from '../../runtime/thread/thread-config.ts'
import type { Topology } from '../../topology/topology.ts'

export const PARTITIONS = 2

/** Where simulated time begins. */
export const START_MS = 1_700_000_000_000
/** Records are dated before it. */
export const FIRST_MS = START_MS - 1_000_000

export interface InputRecord {
  readonly topic: string
  readonly key: string
  readonly value: string
  readonly timestampMs: number
}

/** What a read-committed consumer sees, partition by partition. */
export type Committed = (topic: string) => readonly (readonly RawRecord[])[]

export interface Promised {
  readonly guarantee: Guarantee
  /** Updates of a key may be left out between commits, but for the last one. */
  readonly isCached: boolean
}

/** A topology, an input, and what that must come to whatever happens on the way. */
export interface Scenario {
  readonly topology: Topology
  /** All of them but the internal ones. */
  readonly topics: readonly string[]
  /** What the group commits offsets of. */
  readonly inputs: readonly string[]
  readonly records: readonly InputRecord[]
  /** What has to be there before all is done, beyond the offsets of the input. */
  readonly isComplete?: (committed: Committed) => boolean
  /** What is wrong with what was committed. */
  readonly problems: (committed: Committed, promised: Promised) => readonly string[]
}

/** Makes a scenario of about so many records. */
export type ScenarioMaker = (random: Random, size: number) => Scenario

/** Values by key, in order. */
export type Sequences = ReadonlyMap<string, readonly string[]>

export const bytesOf = (text: string): Uint8Array => Buffer.from(text)
export const textOf = (bytes: Uint8Array | null): string =>
  bytes === null ? 'null' : Buffer.from(bytes).toString()

export const partitionOf = (key: string): number => partitionForKey(bytesOf(key), PARTITIONS)

export const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T

const keys = ['ada', 'bob', 'cleo', 'dan', 'eve', 'fay', 'gus']
export const keyOf = (random: Random): string => pick(random, keys)

/** One record after the other, some milliseconds apart. */
export const inputOf = (
  topic: string,
  size: number,
  of: (index: number) => { readonly key: string; readonly value: string },
): readonly InputRecord[] =>
  Array.from({ length: size }, (_, index) => ({
    topic,
    ...of(index),
    timestampMs: FIRST_MS + index * 10,
  }))

export function grouped(pairs: Iterable<readonly [key: string, value: string]>): Sequences {
  const found = new Map<string, string[]>()
  for (const [key, value] of pairs) {
    const list = found.get(key)
    if (list === undefined) found.set(key, [value])
    else list.push(value)
  }
  return found
}

export const seenIn = (
  committed: Committed,
  topic: string,
  read = (record: RawRecord): readonly [string, string] => [
    textOf(record.key),
    textOf(record.value),
  ],
): Sequences => grouped(committed(topic).flat().map(read))

/** The expected values of each key, every one of them once and in order. */
export function differences(what: string, seen: Sequences, expected: Sequences): string[] {
  const problems: string[] = []
  for (const key of new Set([...seen.keys(), ...expected.keys()])) {
    const [has, wants] = [seen.get(key) ?? [], expected.get(key) ?? []]
    const at = wants.findIndex((value, index) => value !== has[index])
    const first = at < 0 && has.length > wants.length ? wants.length : at
    if (first < 0) continue
    const near = (list: readonly string[]): string =>
      list.slice(Math.max(0, first - 1), first + 3).join(' ')
    problems.push(
      `${what} of ${key}: ${has.length} of ${wants.length}; at ${first} is …${near(has)}… and should be …${near(wants)}…`,
    )
  }
  return problems
}

/** Some of the expected values in order, the last one among them: a cache left the others out. */
export function coalescedDifferences(what: string, seen: Sequences, expected: Sequences): string[] {
  const problems: string[] = []
  for (const key of new Set([...seen.keys(), ...expected.keys()])) {
    const [has, wants] = [seen.get(key) ?? [], expected.get(key) ?? []]
    let at = -1
    const isOrdered = has.every((value) => (at = wants.indexOf(value, at + 1)) >= 0)
    if (isOrdered && has.at(-1) === wants.at(-1)) continue
    problems.push(`${what} of ${key}: is ${has.join(' ')}, and should be of ${wants.join(' ')}`)
  }
  return problems
}

/** Each of the expected values at least once. */
export function losses(what: string, seen: Sequences, expected: Sequences): string[] {
  const problems: string[] = []
  for (const [key, wants] of expected) {
    const has = new Set(seen.get(key))
    const lost = wants.filter((value) => !has.has(value))
    if (lost.length > 0) problems.push(`${what} of ${key}: ${lost.join(' ')} got lost`)
  }
  return problems
}

/**
 * Nothing is known of them but that each has come to something: at least once, a process that has
 * lost its tasks may still write what it made of them over what its successor has written.
 */
export function missing(what: string, seen: Sequences, expected: Sequences): string[] {
  return [...expected.keys()].filter((key) => !seen.has(key)).map((key) => `no ${what} of ${key}`)
}
