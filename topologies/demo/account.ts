import { readTopic } from '../../src/admin/read-topic.ts'
import type { Clock } from '../../src/core/clock.ts'
import { headerText } from '../../src/core/record.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'

/** Every generated record carries one of its own, which goes with it wherever it goes. */
export const inputIdHeader = 'demo-input-id'

/** Where the input of a run has gone to. */
export interface Account {
  readonly input: number
  readonly events: number
  readonly rejected: number
  readonly deadLetters: number
  /** Input records that came out nowhere. */
  readonly missing: number
  /** Input records that came out more than once. */
  readonly doubled: number
  /** Every input record came out exactly once. */
  readonly balanced: boolean
}

export interface AccountTopics {
  readonly inputs: readonly string[]
  readonly events: string
  readonly rejected: string
  readonly deadLetters: string
}

/**
 * Reads back all that is committed and looks for each input record of this run by its id: it must be
 * exactly one event, one rejection or one dead letter.
 */
export async function closeAccount(
  port: KafkaPort,
  clock: Clock,
  topics: AccountTopics,
  run: string,
): Promise<Account> {
  const inputs = new Map<string, number>()
  const idsIn = async (topic: string, each: (id: string) => void): Promise<number> => {
    let count = 0
    for await (const { headers } of readTopic(port, clock, topic)) {
      const id = headerText(headers, inputIdHeader)
      if (id === undefined || !id.startsWith(`${run}/`)) continue
      count += 1
      each(id)
    }
    return count
  }
  let input = 0
  for (const topic of topics.inputs) input += await idsIn(topic, (id) => inputs.set(id, 0))
  const tick = (id: string): unknown => inputs.set(id, (inputs.get(id) ?? 0) + 1)
  const events = await idsIn(topics.events, tick)
  const rejected = await idsIn(topics.rejected, tick)
  const deadLetters = await idsIn(topics.deadLetters, tick)
  const seen = [...inputs.values()]
  const missing = seen.filter((times) => times === 0).length
  const doubled = seen.filter((times) => times > 1).length
  const balanced =
    missing === 0 &&
    doubled === 0 &&
    inputs.size === input &&
    input === events + rejected + deadLetters
  return { input, events, rejected, deadLetters, missing, doubled, balanced }
}
