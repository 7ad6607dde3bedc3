import type { KafkaPort } from '../../kafka/port.ts'
import type { Clock } from '../../core/clock.ts'
import { START_MS } from './scenario.ts'

/** What happens in a run, line by line: the same lines for the same seed. */
export class Trace {
  readonly #clock: Clock & { readonly exactMs: number }
  readonly #write: ((line: string) => void) | undefined

  constructor(
    clock: Clock & { readonly exactMs: number },
    write: ((line: string) => void) | undefined,
  ) {
    this.#clock = clock
    this.#write = write
  }

  get isWanted(): boolean {
    return this.#write !== undefined
  }

  /** `what` is made only where somebody reads it. */
  note(who: string, what: () => string): void {
    if (this.#write === undefined) return
    const ms = (this.#clock.exactMs - START_MS).toFixed(2)
    this.#write(`${ms.padStart(10)} ${who.padEnd(8)} ${what()}`)
  }
}

type Api = Exclude<keyof KafkaPort, 'connect' | 'close' | 'capabilities'>

/** The arguments of a request, without bytes. */
export const requestText = (api: Api, args: readonly unknown[]): string =>
  `→ ${api} ${args.map(brief).join(' ')}`.slice(0, LINE_MAX)

export const answerText = (api: Api, answer: unknown): string =>
  `← ${api} ${brief(answer)}`.slice(0, LINE_MAX)

const LINE_MAX = 400

function brief(value: unknown): string {
  if (value === undefined || value === null) return '-'
  if (value instanceof Uint8Array) return `${value.length}B`
  if (value instanceof Error) return value.message
  if (value instanceof Map) {
    return `{${[...value].map(([key, each]) => `${key}: ${brief(each)}`).join(', ')}}`
  }
  if (Array.isArray(value)) return `[${value.map(brief).join(', ')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  if ('topic' in value && 'partition' in value) {
    const { topic, partition, ...rest } = value
    const more = Object.values(rest).map(brief)
    return [`${brief(topic)}-${brief(partition)}`, ...more].join(' ')
  }
  return `(${Object.values(value).map(brief).join(' ')})`
}
