import { describe, expect, test } from 'vitest'
import { seededRandom, type Random } from '../core/random.ts'
import type { Duration } from '../core/duration.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import {
  nestedLoop,
  pairOf,
  type Joined,
  type Rules,
  type Sent,
  type Side,
} from './kafka-streams-join.fixtures.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

type Text = string | null

const textTopic = (name: string) =>
  topic(name, { key: string as unknown as Serde<Text>, value: json<Text>() })
const topics = { left: textTopic('left'), right: textTopic('right') }
const output = textTopic('output')

const kinds = {
  join: { left: false, right: false },
  leftJoin: { left: true, right: false },
  outerJoin: { left: true, right: true },
} as const

const ms = (time: number): Duration => `${time}ms`

const topologyOf = (kind: keyof typeof kinds, rules: Rules) =>
  topology('joined', (builder) => {
    const [left, right] = [builder.stream(topics.left), builder.stream(topics.right)]
    const options = {
      before: ms(rules.beforeMs),
      after: ms(rules.afterMs),
      grace: ms(rules.graceMs),
      emitInterval: ms(rules.emitIntervalMs),
      store: 'join',
    }
    if (kind === 'join') left.join(right, pairOf, options).to(output)
    if (kind === 'leftJoin') left.leftJoin(right, pairOf, options).to(output)
    if (kind === 'outerJoin') left.outerJoin(right, pairOf, options).to(output)
  })

async function run(
  kind: keyof typeof kinds,
  rules: Rules,
  sent: readonly Sent[],
): Promise<readonly Joined[]> {
  await using driver = new TopologyTestDriver(topologyOf(kind, rules))
  for (const { to, key, value, timestampMs, afterMs } of sent) {
    if (afterMs > 0) await driver.advanceTime(ms(afterMs))
    await driver.input(topics[to]).send(key, value, { timestampMs })
  }
  return driver
    .output(output)
    .records()
    .map(({ key, value, timestampMs }) => [key, value ?? '', timestampMs])
}

const below = (random: Random, limit: number): number => Math.floor(random() * limit)

function rulesOf(random: Random, kept: Rules['kept']): Rules {
  const beforeMs = below(random, 4) * below(random, 300)
  // Now and then the window begins after the record.
  const isLater = random() < 0.1
  return {
    beforeMs: isLater ? -beforeMs : beforeMs,
    afterMs: (isLater ? beforeMs : 0) + below(random, 4) * below(random, 300),
    graceMs: below(random, 3) * below(random, 200),
    emitIntervalMs: below(random, 2) * below(random, 500),
    kept,
  }
}

/** A few keys; times that go on by leaps, stand still, or go back; some keys and values missing. */
function recordsOf(random: Random, count: number): readonly Sent[] {
  let latestMs = 0
  return Array.from({ length: count }, (_, index): Sent => {
    const to: Side = random() < 0.5 ? 'left' : 'right'
    const leapMs = random() < 0.05 ? 2_000 : below(random, 2) * below(random, 150)
    const lateMs = random() < 0.25 ? below(random, 1_200) : 0
    latestMs += leapMs
    return {
      to,
      key: random() < 0.05 ? null : `key-${below(random, 4)}`,
      value: random() < 0.05 ? null : `${to[0]}${index}`,
      timestampMs: Math.max(0, latestMs - lateMs),
      afterMs: below(random, 2) * below(random, 200),
    }
  })
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1)

describe.each(['join', 'leftJoin', 'outerJoin'] as const)('%s of two streams', (kind) => {
  test.each(seeds)(
    'gives what the rules of Kafka Streams give, record by record, seed %i',
    async (seed) => {
      const random = seededRandom(seed)
      const rules = rulesOf(random, kinds[kind])
      const sent = recordsOf(random, 150)
      expect(await run(kind, rules, sent)).toEqual(nestedLoop(sent, rules))
    },
  )

  test.each(seeds.slice(0, 10))(
    'gives the same pairs in whatever order its partitions are read, seed %i',
    async (seed) => {
      const random = seededRandom(1_000 + seed)
      const kept = kinds[kind]
      // No record is later than the grace, and one at the end closes every window.
      const rules = { beforeMs: 200, afterMs: 400, graceMs: 10_000, emitIntervalMs: 0, kept }
      const ordered = recordsOf(random, 120)
        .filter(({ key, value }) => key !== null && value !== null)
        .map((sent, index) => ({ ...sent, timestampMs: 10 * index, afterMs: 0 }))
      const last: Sent = { to: 'left', key: 'z', value: 'last', timestampMs: 30_000, afterMs: 0 }
      const outcomes = new Set<string>()
      for (let turn = 0; turn < 4; turn++) {
        const results = await run(kind, rules, [...interleaved(random, ordered), last])
        outcomes.add(JSON.stringify(results.toSorted(byText)))
      }
      expect([...outcomes]).toEqual([JSON.stringify(pairsOf(ordered, rules).toSorted(byText))])
    },
  )
})

const byText = (a: Joined, b: Joined): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** Each side in its order, the two mixed at random. */
function interleaved(random: Random, ordered: readonly Sent[]): readonly Sent[] {
  const left = ordered.filter(({ to }) => to === 'left')
  const right = ordered.filter(({ to }) => to === 'right')
  const mixed: Sent[] = []
  while (left.length + right.length > 0) {
    const from = right.length === 0 || (left.length > 0 && random() < 0.5) ? left : right
    mixed.push(...from.splice(0, 1 + below(random, 20)))
  }
  return mixed
}

/** All pairs, and what is kept and in none. */
function pairsOf(sent: readonly Sent[], { beforeMs, afterMs, kept }: Rules): readonly Joined[] {
  const pairs: Joined[] = []
  const joined = new Set<Sent>()
  for (const left of sent.filter(({ to }) => to === 'left')) {
    for (const right of sent.filter(({ to }) => to === 'right')) {
      const laterMs = right.timestampMs - left.timestampMs
      if (left.key !== right.key || laterMs < -beforeMs || laterMs > afterMs) continue
      joined.add(left).add(right)
      const atMs = Math.max(left.timestampMs, right.timestampMs)
      pairs.push([left.key, pairOf(left.value, right.value), atMs])
    }
  }
  for (const each of sent) {
    if (joined.has(each) || !kept[each.to]) continue
    const value = each.to === 'left' ? pairOf(each.value, null) : pairOf(null, each.value)
    pairs.push([each.key, value, each.timestampMs])
  }
  return pairs
}
