import { connect } from '../../src/app/connect.ts'
import { systemClock } from '../../src/core/clock.ts'
import { messageOf } from '../../src/core/errors.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { RunningKafka } from '../../src/dev/running-kafka.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { closeAccount } from '../../topologies/demo/account.ts'
import { OrdersAudit } from '../../topologies/demo/orders/orders-audit.ts'
import { localOrders } from '../support/local-orders.ts'
import { actualOutcome, expectedOutcome } from '../support/orders-account.ts'
import { createOrdersTopics } from '../support/orders-load.ts'
import { threeBrokers } from '../support/three-brokers.ts'
import { chaosAccount, type ChaosAccount } from './account.ts'
import { Fleet } from './fleet.ts'
import { Load, PAID_RUN } from './load.ts'
import { inWords, type Blow, type Scheduled } from './schedule.ts'

/** Shorter than in production, so that a frozen process is soon taken for dead. */
export const SESSION_MS = 3_000
const PARTITIONS = 8
const PROGRESS_MS = 10_000
/** Of an error message: a broker's last words may be long. */
const FAILURE_CHARACTERS_MAX = 400
/** When nothing comes out for so long after the blows, though something should, it never will. */
const PATIENCE_MS = 90_000

export interface ChaosOptions {
  readonly schedule: readonly Scheduled[]
  readonly lengthMs: number
  readonly seed: number
  /** Records a second. */
  readonly rate: number
  readonly processes: number
  /** State and logs of the processes. */
  readonly folder: string
  /** For `millrace run`, beside what the run sets. */
  readonly options?: Readonly<Record<string, string>>
  readonly say: (line: string) => void
}

/**
 * Runs the orders topology on three brokers, under load and under blows, then compares everything
 * that is committed and everything on disk with what has to be there.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosAccount> {
  const { seed, rate, lengthMs, processes, folder } = options
  await using kafka = await threeBrokers()
  const port = await connect({ brokers: kafka.brokers }, 'chaos', silentLogger, systemClock)
  const load = new Load({ port, partitions: PARTITIONS, seed, rate, lengthMs })
  try {
    await createOrdersTopics(port, PARTITIONS, 3)
    await using fleet = new Fleet({
      topology: 'topologies/orders.ts',
      processes,
      folder,
      options: (index) => ({
        brokers: kafka.brokers.join(','),
        'session-timeout': `${SESSION_MS}ms`,
        'checkpoint-interval': '1s',
        // Every second one is a static member, and the last one has two threads.
        ...(index % 2 === 0 ? { 'instance-id': `instance-${index}` } : {}),
        ...(index === processes - 1 ? { threads: '2' } : {}),
        ...options.options,
      }),
    })
    await load.start()
    await fleet.start()
    const failures = await conduct(options, kafka, fleet, load)
    const found = await closed(port, load, fleet)
    return chaosAccount({ ...found, failures: [...failures, ...fleet.failures] })
  } finally {
    await load.close()
    await port.close()
  }
}

/** Says what went wrong, for the account to be drawn up in any case. */
async function conduct(
  { schedule, say }: ChaosOptions,
  kafka: RunningKafka,
  fleet: Fleet,
  load: Load,
): Promise<readonly string[]> {
  const failures: string[] = []
  const startedMs = systemClock.nowMs()
  const at = (): string => stamp(systemClock.nowMs() - startedMs)
  const note = (what: string) => (error: unknown) => {
    failures.push(`${what}: ${messageOf(error)}`.slice(0, FAILURE_CHARACTERS_MAX))
  }
  const over = new AbortController()
  const progress = sayProgress(load, (line) => say(`${at()}  ${line}`), over.signal)
  const writing = load.write().catch(note('the input'))
  const brokers = new BrokersInTurn(kafka)
  const blows: Promise<void>[] = []
  for (const blow of schedule) {
    await systemClock.sleep(Math.max(0, startedMs + blow.atMs - systemClock.nowMs()))
    say(`${at()}  ${inWords(blow)}`)
    blows.push(strike(blow, brokers, fleet).catch(note(inWords(blow))))
  }
  await Promise.all(blows)
  await writing
  say(`${at()}  all is written, and all processes and brokers are back`)
  await load.untilOut(PATIENCE_MS).catch(note('the output'))
  over.abort()
  await progress
  say(`${at()}  stopping`)
  await fleet.stop()
  return failures
}

function strike(blow: Blow, brokers: BrokersInTurn, fleet: Fleet): Promise<void> {
  switch (blow.type) {
    case 'kill process':
      return fleet.kill(blow.target, blow.forMs)
    case 'freeze process':
      return fleet.freeze(blow.target, blow.forMs)
    case 'roll':
      return fleet.roll()
    case 'kill broker':
    case 'freeze broker':
      return brokers.strike(blow.type, blow.target, blow.forMs)
  }
}

/** One is away at a time: on a busy machine the last one may take long to come back. */
class BrokersInTurn {
  readonly #kafka: RunningKafka
  #turn = Promise.resolve()

  constructor(kafka: RunningKafka) {
    this.#kafka = kafka
  }

  strike(type: 'kill broker' | 'freeze broker', target: number, forMs: number): Promise<void> {
    const { killBroker, startBroker, freezeBroker, thawBroker } = this.#kafka
    const isKill = type === 'kill broker'
    const blow = this.#turn.then(async () => {
      await (isKill ? killBroker : freezeBroker)(target)
      await systemClock.sleep(forMs)
      await (isKill ? startBroker : thawBroker)(target)
    })
    this.#turn = blow.catch(() => {})
    return blow
  }
}

async function sayProgress(
  load: Load,
  say: (line: string) => void,
  over: AbortSignal,
): Promise<void> {
  for (;;) {
    await systemClock.sleep(PROGRESS_MS, over)
    if (over.aborted) return
    const lag = await load.lag()
    const behind = lag === undefined ? 'Kafka cannot say how far behind' : `${lag} behind`
    say(`  ${load.written} of ${load.inputs / 2} orders' records with payments, ${behind}`)
  }
}

async function closed(port: KafkaPort, { isFolded, inputs }: Load, fleet: Fleet) {
  const reported = new OrdersAudit(PAID_RUN)
  await closeAccount(port, systemClock, reported)
  const local = await localOrders(fleet.stateDirectories)
  return {
    inputs,
    actual: await actualOutcome(port, 'orders', PARTITIONS, isFolded),
    expected: await expectedOutcome(port, PARTITIONS, isFolded),
    local: new Map([...local].filter(([orderId]) => isFolded(orderId))),
    reported: reported.close(),
  }
}

const stamp = (ms: number): string => {
  const seconds = ms / 1_000
  const minutes = Math.floor(seconds / 60)
  return `${String(minutes).padStart(2, '0')}:${(seconds % 60).toFixed(1).padStart(4, '0')}`
}
