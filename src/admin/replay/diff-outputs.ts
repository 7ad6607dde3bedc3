import { createHash } from 'node:crypto'
import { StreamsError } from '../../core/errors.ts'
import type { Offset, RawRecord } from '../../core/record.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import { shadowTopic } from '../../topology/shadow.ts'
import { readMerged, type Stretch } from '../read-merged.ts'
import type { ReplayDeps } from './plan-replay.ts'
import { endsOf } from './shadow-bounds.ts'
import type { Shadow } from './shadow.ts'

const LOOKUP = { timeoutMs: 60_000 }
/** Of so many keys what was read of them is kept in memory; more are done in several passes. */
const KEYS_MAX = 500_000
const PASSES_MAX = 1_024

export interface DiffOptions {
  /** Outputs of the application; all where left out. */
  readonly topics?: readonly string[]
  /** Compares the latest value of each key, not all of them in their order. */
  readonly latest?: boolean
  /** Leaves out records that are older, in milliseconds. */
  readonly sinceMs?: number
  /** How many keys that differ are told in full. */
  readonly limit?: number
  readonly keysMax?: number
}

export type DiffStatus = 'different' | 'missing' | 'extra'

/** What one side has of a key. */
export interface DiffSide {
  readonly count: number
  /** The last one; null also for a tombstone. */
  readonly value: Uint8Array | null
  readonly partition: number
  readonly offset: Offset
}

export interface DifferentKey {
  readonly key: Uint8Array | null
  readonly status: DiffStatus
  /** Undefined where it has none. */
  readonly application: DiffSide | undefined
  readonly shadow: DiffSide | undefined
}

/** One output topic by key. */
export interface TopicDiff {
  readonly topic: string
  readonly shadowTopic: string
  /** Keys whose values are the same on both sides. */
  readonly equal: number
  readonly different: number
  /** Keys that only the application has. */
  readonly missing: number
  /** Keys that only the shadow has. */
  readonly extra: number
  readonly examples: readonly DifferentKey[]
}

/** Values of a key as they came, folded into one. */
interface Digest {
  count: number
  hash: string
}

type Digests = Map<string, { application?: Digest; shadow?: Digest }>

/**
 * Compares what a shadow has written with what the application had written when the shadow was
 * made, by key: the values of each, in their order. Rejects with `INVALID_CONFIG` for a topic that
 * is no output.
 */
export async function* diffOutputs(
  deps: ReplayDeps,
  shadow: Shadow,
  options: DiffOptions = {},
): AsyncGenerator<TopicDiff> {
  const all = [...new Set(shadow.outputs.map(({ topic }) => topic))]
  const unknown = options.topics?.find((topic) => !all.includes(topic))
  if (unknown !== undefined) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `"${unknown}" is no output that the shadow is compared with`,
      hint: `Choose from ${all.join(', ')}.`,
    })
  }
  for (const topic of options.topics ?? all)
    yield await new TopicComparison(deps, shadow, topic, options).run()
}

class TopicComparison {
  readonly #deps: ReplayDeps
  readonly #shadow: Shadow
  readonly #topic: string
  readonly #shadowTopic: string
  readonly #options: DiffOptions

  constructor(deps: ReplayDeps, shadow: Shadow, topic: string, options: DiffOptions) {
    this.#deps = deps
    this.#shadow = shadow
    this.#topic = topic
    this.#shadowTopic = shadowTopic(shadow.id, topic)
    this.#options = options
  }

  async run(): Promise<TopicDiff> {
    const counts = { equal: 0, different: 0, missing: 0, extra: 0 }
    const found: { readonly key: string; readonly status: DiffStatus }[] = []
    const { limit = 20 } = this.#options
    for (let passes = 1, pass = 0; pass < passes; pass += 1) {
      const digests = await this.#digests(pass, passes)
      if (digests === undefined) {
        // Too many keys for one pass: all over again, in parts.
        passes *= 2
        pass = -1
        counts.equal = counts.different = counts.missing = counts.extra = 0
        found.length = 0
        continue
      }
      for (const [key, { application, shadow }] of digests) {
        const status = statusOf(application, shadow)
        if (status === undefined) continue
        counts[status] += 1
        if (status !== 'equal' && found.length < limit) found.push({ key, status })
      }
    }
    const [topic, shadowTopic] = [this.#topic, this.#shadowTopic]
    return { topic, shadowTopic, ...counts, examples: await this.#examples(found) }
  }

  /** Of the keys whose turn it is in this pass; undefined where they are too many. */
  async #digests(pass: number, passes: number): Promise<Digests | undefined> {
    const { latest = false, keysMax = KEYS_MAX } = this.#options
    const digests: Digests = new Map()
    for (const side of ['application', 'shadow'] as const) {
      for await (const { key, value } of this.#records(side)) {
        const name = nameOf(key)
        if (passes > 1 && passOf(name, passes) !== pass) continue
        let entry = digests.get(name)
        if (entry === undefined) digests.set(name, (entry = {}))
        const digest = (entry[side] ??= { count: 0, hash: '' })
        digest.count = latest ? Number(value !== null) : digest.count + 1
        digest.hash = hashOf(latest ? '' : digest.hash, value)
        if (digests.size > keysMax && passes < PASSES_MAX) return undefined
      }
    }
    return digests
  }

  /** Copies nothing: what is yielded is to be looked at at once. */
  async *#records(side: 'application' | 'shadow'): AsyncGenerator<RawRecord> {
    const { sinceMs = -Infinity } = this.#options
    const topic = side === 'application' ? this.#topic : this.#shadowTopic
    const records = readMerged({
      ...this.#deps,
      topic,
      stretches: await this.#stretches(side, topic),
      read: (record) => record,
      precedes: () => false,
      signal: new AbortController().signal,
    })
    for await (const record of records) if (record.timestampMs >= sinceMs) yield record
  }

  async #stretches(side: 'application' | 'shadow', topic: string): Promise<readonly Stretch[]> {
    const { port, clock } = this.#deps
    const outputs = this.#shadow.outputs.filter((each) => each.topic === this.#topic)
    const partitions = outputs.map(({ partition }) => ({ topic, partition }))
    const at = 'earliest'
    const starts = await listOffsetsRetrying(port, clock, partitions, at, 'read_committed', LOOKUP)
    const ends = await endsOf(this.#deps, partitions, 'read_committed')
    return outputs.map(({ partition, until }) => {
      const key = topicPartitionKey(topic, partition)
      const end = side === 'application' ? until : (ends.get(key) ?? 0)
      return { partition, start: starts.get(key) ?? 0, end }
    })
  }

  /** Reads both sides once more, for what the digests have forgotten. */
  async #examples(
    found: readonly { readonly key: string; readonly status: DiffStatus }[],
  ): Promise<readonly DifferentKey[]> {
    if (found.length === 0) return []
    const wanted = new Set(found.map(({ key }) => key))
    const keys = new Map<string, Uint8Array | null>()
    const last = {
      application: new Map<string, DiffSide>(),
      shadow: new Map<string, DiffSide>(),
    }
    for (const side of ['application', 'shadow'] as const) {
      for await (const { key, value, partition, offset } of this.#records(side)) {
        const name = nameOf(key)
        if (!wanted.has(name)) continue
        const count = (last[side].get(name)?.count ?? 0) + 1
        keys.set(name, key && new Uint8Array(key))
        last[side].set(name, { count, value: value && new Uint8Array(value), partition, offset })
      }
    }
    return found.map(({ key, status }) => ({
      key: keys.get(key) ?? null,
      status,
      application: last.application.get(key),
      shadow: last.shadow.get(key),
    }))
  }
}

/** Undefined for a key that neither side has any more: its latest value is a tombstone. */
function statusOf(
  application: Digest | undefined,
  shadow: Digest | undefined,
): DiffStatus | 'equal' | undefined {
  const [isThere, isShadowed] = [(application?.count ?? 0) > 0, (shadow?.count ?? 0) > 0]
  if (!isThere && !isShadowed) return undefined
  if (!isShadowed) return 'missing'
  if (!isThere) return 'extra'
  return application?.count === shadow?.count && application?.hash === shadow?.hash
    ? 'equal'
    : 'different'
}

/** A null key is not an empty one. */
const nameOf = (key: Uint8Array | null): string =>
  key === null ? 'null' : `=${Buffer.from(key).toString('latin1')}`

const hashOf = (before: string, value: Uint8Array | null): string =>
  createHash('sha256')
    .update(before)
    .update(value === null ? 'null' : `=${value.length}`)
    .update(value ?? '')
    .digest('base64')

const passOf = (name: string, passes: number): number =>
  createHash('sha256').update(name, 'latin1').digest().readUInt32BE(0) % passes
