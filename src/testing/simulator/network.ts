import { topicPartitionKey } from '../../core/topic-partition.ts'
import type { Random } from '../../core/random.ts'
import type { Fate } from '../../kafka/memory/faults.ts'
import type { Api, SimulatedRequest } from '../../kafka/memory/requests.ts'
import type { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { GroupMember, KafkaPort } from '../../kafka/port.ts'
import { pick } from './scenario.ts'
import { answerText, requestText, type Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** How likely each is for a request, from 0 to 1. */
export interface Weather {
  readonly requestLost: number
  readonly replyLost: number
  /** The caller hears nothing, and the request arrives all the same, up to `lateMs` later. */
  readonly late: number
  readonly repeated: number
  readonly slow: number
  readonly lateMs: number
  /** Which requests; all of them where undefined. */
  readonly apis: ReadonlySet<Api> | undefined
  /** Whose; everybody's where undefined. */
  readonly clientId: string | undefined
}

/** A process that may stand still. */
export interface Gate {
  /** Resolves while it runs. */
  readonly pass: () => Promise<void>
}

/** Requests of one client that may be under way at a time; more is a queue without a bound. */
const UNDER_WAY_MAX = 64
/** A lost answer is noticed at once, or when nobody waits any longer. */
const NOTICED_AFTER_MS = [0, 0, 5, 300]

/**
 * What is between the instances and the cluster: every request takes its time there and back, some
 * get lost on the way, by the weather.
 */
export class Network {
  readonly problems: string[] = []
  readonly weathers = new Set<Weather>()
  readonly #cluster: SimulatedCluster
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #trace: Trace
  readonly #latencyMs: number
  /** Under version 1 some requests act on whatever transaction is open when they come again. */
  readonly #mayRepeatAll: boolean
  /** Who committed a partition in a generation: there is one owner. */
  readonly #committers = new Map<string, string>()

  constructor(options: {
    readonly cluster: SimulatedCluster
    readonly clock: VirtualClock
    readonly random: Random
    readonly trace: Trace
    readonly latencyMs: number
    readonly transactionVersion: 1 | 2
  }) {
    this.#cluster = options.cluster
    this.#clock = options.clock
    this.#random = options.random
    this.#trace = options.trace
    this.#latencyMs = options.latencyMs
    this.#mayRepeatAll = options.transactionVersion === 2
    options.cluster.faults.judge((request) => this.#fateOf(request))
  }

  #fateOf(request: SimulatedRequest): Partial<Fate> {
    const delayMs = this.#random() * this.#latencyMs
    for (const weather of this.weathers) {
      const { apis, clientId } = weather
      if (apis !== undefined && !apis.has(request.api)) continue
      if (clientId !== undefined && clientId !== request.clientId) continue
      const fate = this.#chance(weather, request)
      if (fate === undefined) continue
      this.#trace.note(request.clientId, () => `✗ ${request.api} ${JSON.stringify(fate)}`)
      const noticedAfterMs = pick(this.#random, NOTICED_AFTER_MS)
      return { ...fate, noticedAfterMs, delayMs: delayMs + (fate.delayMs ?? 0) }
    }
    return { delayMs }
  }

  #chance(weather: Weather, { api }: SimulatedRequest): Partial<Fate> | undefined {
    let chance = this.#random()
    const falls = (likely: number): boolean => (chance -= likely) < 0
    if (falls(weather.requestLost)) return { requestLost: true }
    if (falls(weather.replyLost)) return { replyLost: true }
    const afterMs = this.#random() * weather.lateMs
    // One that is overtaken takes the offset back, which at-least-once allows.
    if (api === 'offsetCommit') return undefined
    if (falls(weather.late)) return { replyLost: true, delayMs: afterMs }
    if (falls(weather.slow)) return { delayMs: afterMs }
    const acts = api === 'endTxn' || api === 'txnOffsetCommit' || api.startsWith('add')
    if (falls(weather.repeated) && (this.#mayRepeatAll || !acts))
      return { repeatedAfterMs: afterMs }
    return undefined
  }

  /** The way of one client of a process to the cluster. */
  port(clientId: string, gate: Gate): KafkaPort {
    const port = this.#cluster.port(clientId)
    let underWay = 0
    const carried =
      (api: Api, request: (...args: readonly never[]) => Promise<unknown>) =>
      async (...args: readonly never[]): Promise<unknown> => {
        underWay += 1
        if (underWay === UNDER_WAY_MAX) {
          this.problems.push(`${clientId} has ${underWay} requests under way, one is ${api}`)
        }
        try {
          // Until it goes on, a process that stands still sends nothing and hears nothing.
          await gate.pass()
          this.#trace.note(clientId, () => requestText(api, args))
          const answer = await request(...args)
          await this.#clock.sleep(this.#random() * this.#latencyMs)
          await gate.pass()
          this.#trace.note(clientId, () => answerText(api, answer))
          this.#look(api, args)
          return answer
        } catch (error) {
          await gate.pass()
          this.#trace.note(clientId, () => answerText(api, error))
          throw error
        } finally {
          underWay -= 1
        }
      }
    const { connect, close, capabilities, ...requests } = port
    const wrapped = Object.entries(requests).map(([api, request]) => [
      api,
      carried(api as Api, request as never),
    ])
    return {
      connect,
      close,
      capabilities,
      ...(Object.fromEntries(wrapped) as Omit<KafkaPort, 'connect' | 'close' | 'capabilities'>),
    }
  }

  /** In one generation one member commits a partition. */
  #look(api: Api, args: readonly unknown[]): void {
    if (api !== 'txnOffsetCommit' && api !== 'offsetCommit') return
    const [member, offsets] = (api === 'offsetCommit' ? args : args.slice(2)) as [
      GroupMember,
      readonly { readonly topic: string; readonly partition: number }[],
    ]
    for (const { topic, partition } of offsets) {
      const what = `${topicPartitionKey(topic, partition)} in generation ${member.generation}`
      // A static member that comes back is another one in its own place.
      const owner = member.instanceId ?? member.memberId
      const other = this.#committers.get(what)
      this.#committers.set(what, owner)
      if (other !== undefined && other !== owner) {
        this.problems.push(`${what} was committed by ${other} and by ${owner}`)
      }
    }
  }
}
