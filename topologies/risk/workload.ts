import { seededRandom, type Random } from '../../src/core/random.ts'
import type { GeneratedRecord } from '../demo/generated-record.ts'

const USERS = 2_000
const FLOOD = 300
const SPREE = 60
const merchants = [
  ...['bakery', 'books', 'bus', 'cinema', 'coffee', 'fuel', 'garden', 'market', 'shoes', 'toys'],
]
const CASINO = 'casino-royale'
const noAmounts = [0, -650, 12.5, '650', null]

/** What a user does, one transaction after the other. */
type Story = Generator<Pick<GeneratedRecord, 'key' | 'value'>>

interface Setting {
  readonly random: Random
  /** A name that no user has had. */
  readonly nobody: () => string
  readonly pay: (
    user: string,
    amount: unknown,
    merchant?: string,
  ) => ReturnType<Story['next']>['value']
}

/**
 * What users pay, with everything that a risk officer looks for: a robot that pays hundreds of
 * times a second, a stolen card that is tried out, a spending spree, sums that are unusual for a
 * user, risky merchants; and transactions that are none. The same seed gives the same records;
 * `tag` is what the names have in common. A transaction is named by its number, from 1.
 */
export function* riskWorkload(
  seed: number,
  tag: string = String(seed),
): Generator<GeneratedRecord, never> {
  const random = seededRandom(seed)
  let written = 0
  let names = USERS
  const setting: Setting = {
    random,
    nobody: () => `user-${tag}-${(names += 1)}`,
    pay: (key, amount, merchant = pick(random, merchants)) => {
      const transactionId = `tx-${tag}-${written + 1}`
      return { key, value: JSON.stringify({ transactionId, amount, merchant }) }
    },
  }
  const stories = [flood(setting), spree(setting), theft(setting)]
  for (;;) {
    if (random() < 0.003) stories.push(theft(setting))
    if (random() < 0.000_3) stories.push(spree(setting))
    if (random() < 0.000_2) stories.push(flood(setting))
    // Stories go on between the usual purchases, several records at a time.
    const isStory = stories.length > 0 && random() < 0.5
    const story = isStory ? pick(random, stories) : usual(setting, tag)
    const next = story.next()
    if (next.done === true) stories.splice(stories.indexOf(story), 1)
    else {
      yield { topic: 'transactions', ...next.value }
      written += 1
    }
  }
}

const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T

/** Each user has a level of spending of their own. */
function* usual({ random, pay }: Setting, tag: string): Story {
  const number = Math.floor(random() * USERS)
  const user = `user-${tag}-${number}`
  const level = 1_000 + ((number * 7_919) % 3_000)
  const chance = random()
  if (chance < 0.004) yield { key: user, value: '{"transactionId":' }
  else if (chance < 0.012) yield pay(user, pick(random, noAmounts))
  else {
    const times = chance < 0.022 ? 5 + 5 * random() : 0.5 + random()
    const merchant = random() < 0.02 ? CASINO : undefined
    yield pay(user, Math.round(level * times), merchant)
  }
}

/** A few small sums, and then a large one. */
function* theft({ random, nobody, pay }: Setting): Story {
  const user = nobody()
  const tries = 2 + Math.floor(random() * 4)
  for (let nth = 0; nth < tries; nth += 1) yield pay(user, 100 + Math.floor(random() * 300))
  yield pay(user, 60_000 + Math.floor(random() * 40_000))
}

/** More than a user should spend in an hour. */
function* spree({ random, nobody, pay }: Setting): Story {
  const user = nobody()
  for (let nth = 0; nth < SPREE; nth += 1) yield pay(user, 2_000 + Math.floor(random() * 6_000))
}

/** A robot. */
function* flood({ random, nobody, pay }: Setting): Story {
  const user = nobody()
  for (let nth = 0; nth < FLOOD; nth += 1) yield pay(user, 1_000 + Math.floor(random() * 500))
}
