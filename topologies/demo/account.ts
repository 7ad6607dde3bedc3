import { readTopic } from '../../src/admin/read-topic.ts'
import type { Clock } from '../../src/core/clock.ts'
import { headerText } from '../../src/core/record.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'

/** Every generated record carries one of its own, which goes with it wherever it goes. */
export const inputIdHeader = 'demo-input-id'

/** The `number`th record of a run, counted from 1. */
export const inputId = (run: string, number: number): string => `${run}/${number}`

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
 * Reads back all that is committed and looks for each input record of this run by its id: it must
 * be exactly one event, one rejection or one dead letter.
 */
export async function closeAccount(
  port: KafkaPort,
  clock: Clock,
  topics: AccountTopics,
  run: string,
): Promise<Account> {
  const ledger = new Ledger()
  const numbersIn = async (topic: string, note: (number: number) => void): Promise<number> => {
    let count = 0
    for await (const { headers } of readTopic(port, clock, topic, 'end')) {
      const id = headerText(headers, inputIdHeader)
      if (id === undefined || !id.startsWith(`${run}/`)) continue
      count += 1
      note(Number(id.slice(run.length + 1)))
    }
    return count
  }
  let input = 0
  for (const topic of topics.inputs) input += await numbersIn(topic, ledger.wentIn)
  const events = await numbersIn(topics.events, ledger.cameOut)
  const rejected = await numbersIn(topics.rejected, ledger.cameOut)
  const deadLetters = await numbersIn(topics.deadLetters, ledger.cameOut)
  const { missing, doubled } = ledger.faults()
  const balanced = missing === 0 && doubled === 0 && input === events + rejected + deadLetters
  return { input, events, rejected, deadLetters, missing, doubled, balanced }
}

const WENT_IN = 0x80
const TIMES_OUT = 0x7f

/** One byte an input record, so that a demo that ran all night can be accounted for too. */
class Ledger {
  #marks = new Uint8Array(64 * 1024)

  readonly wentIn = (number: number): void => {
    this.#write(number, this.#at(number) | WENT_IN)
  }

  readonly cameOut = (number: number): void => {
    const mark = this.#at(number)
    if ((mark & TIMES_OUT) < TIMES_OUT) this.#write(number, mark + 1)
  }

  faults(): { readonly missing: number; readonly doubled: number } {
    let missing = 0
    let doubled = 0
    for (const mark of this.#marks) {
      if (mark === WENT_IN) missing += 1
      if ((mark & TIMES_OUT) > 1) doubled += 1
    }
    return { missing, doubled }
  }

  #at(number: number): number {
    return this.#marks[number] ?? 0
  }

  #write(number: number, mark: number): void {
    if (number >= this.#marks.length) {
      const larger = new Uint8Array(2 * number)
      larger.set(this.#marks)
      this.#marks = larger
    }
    this.#marks[number] = mark
  }
}
