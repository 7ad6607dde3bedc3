import type { Random } from '../../core/random.ts'
import type { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { Api } from '../../kafka/memory/requests.ts'
import type { Machine } from './machine.ts'
import type { Network, Weather } from './network.ts'
import { BROKERS, type Plan } from './plan.ts'
import { pick, PARTITIONS } from './scenario.ts'
import type { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'

const apis: readonly Api[] = [
  'metadata',
  'fetch',
  'listOffsets',
  'produce',
  'initProducerId',
  'addPartitionsToTxn',
  'addOffsetsToTxn',
  'txnOffsetCommit',
  'endTxn',
  'joinGroup',
  'syncGroup',
  'heartbeat',
  'leaveGroup',
  'offsetFetch',
  'offsetCommit',
]
const ofCommits: readonly Api[] = ['produce', 'txnOffsetCommit', 'endTxn', 'offsetFetch']
const calm: Weather = {
  requestLost: 0,
  replyLost: 0,
  late: 0,
  repeated: 0,
  slow: 0,
  lateMs: 0,
  apis: undefined,
  clientId: undefined,
}

export interface TroubledFleet {
  readonly plan: Plan
  readonly cluster: SimulatedCluster
  readonly clock: VirtualClock
  readonly network: Network
  readonly machines: readonly Machine[]
  readonly trace: Trace
  readonly random: Random
  readonly compact: (topic: string) => void
  /** Lets a process end by itself, and starts another one in its place or not. */
  readonly replace: (machine: Machine, isWanted: boolean) => void
}

/** What may happen to a fleet; each thing ends by itself, or when all is to be calm. */
export class Troubles {
  readonly #fleet: TroubledFleet
  readonly #endings = new Set<() => void>()
  #down = 0
  #isCalm = false

  constructor(fleet: TroubledFleet) {
    this.#fleet = fleet
  }

  /** From now on nothing goes wrong. */
  end(): void {
    this.#isCalm = true
    for (const end of this.#endings) end()
    this.#endings.clear()
  }

  /** Something goes wrong, by chance. */
  next(): void {
    const { random, machines } = this.#fleet
    const machine = pick(random, machines)
    if (machine.life === undefined) {
      this.#note(`${machine.name} starts`)
      machine.start()
      return
    }
    pick(random, this.#kinds)(machine)
  }

  get #kinds(): readonly ((machine: Machine) => void)[] {
    return [
      this.#crash,
      this.#crash,
      this.#stop,
      this.#pause,
      this.#pause,
      this.#cutOff,
      this.#fillDisk,
      this.#jumpClock,
      this.#badWeather,
      this.#badWeather,
      this.#badWeather,
      this.#breakDown,
      this.#moveLeaders,
      this.#moveCoordinator,
      this.#refuse,
      this.#sleepThroughMove,
      this.#sleepThroughMove,
      this.#compact,
    ]
  }

  #note(what: string): void {
    this.#fleet.trace.note('fault', () => what)
  }

  #ms(max: number): number {
    return 1 + Math.floor(this.#fleet.random() * max)
  }

  /** Ends after so long, or before when all is to be calm. */
  #for(ms: number, what: string, end: () => void): void {
    this.#note(`${what} for ${ms} ms`)
    const once = (): void => {
      if (!this.#endings.delete(once)) return
      this.#note(`no more: ${what}`)
      end()
    }
    this.#endings.add(once)
    this.#fleet.clock.after(ms, once)
  }

  readonly #crash = (machine: Machine): void => {
    const { random } = this.#fleet
    const losesDisk = random() < 0.25
    const comesBack = random() < 0.7
    this.#note(`${machine.name} crashes${losesDisk ? ' and loses its disk' : ''}`)
    machine.life?.crash()
    machine.life = undefined
    if (losesDisk) machine.loseDisk()
    if (comesBack) {
      this.#fleet.clock.after(this.#ms(pick(random, [1, 100, 2_000])), () => {
        if (!this.#isCalm && machine.life === undefined) machine.start()
      })
    }
  }

  readonly #stop = (machine: Machine): void => {
    const isRestarted = this.#fleet.random() < 0.6
    this.#note(`${machine.name} is ${isRestarted ? 'restarted' : 'stopped'}`)
    this.#fleet.replace(machine, isRestarted)
  }

  readonly #pause = (machine: Machine): void => {
    const { life } = machine
    life?.pause()
    const { sessionTimeoutMs } = this.#fleet.plan.config
    const ms = this.#ms(pick(this.#fleet.random, [sessionTimeoutMs, sessionTimeoutMs * 4]))
    this.#for(ms, `${machine.name} stands still`, () => life?.goOn())
  }

  readonly #cutOff = (machine: Machine): void => {
    const { random } = this.#fleet
    const { clientIds = [] } = machine.life ?? {}
    const clientId = pick(random, clientIds)
    this.#change({ ...calm, requestLost: 1, clientId }, `${clientId} reaches no broker`, 4_000)
  }

  readonly #fillDisk = (machine: Machine): void => {
    const { disk } = machine
    disk.isFull = true
    this.#for(this.#ms(1_000), `the disk of ${machine.name} is full`, () => {
      disk.isFull = false
    })
  }

  readonly #jumpClock = (machine: Machine): void => {
    const { random, plan } = this.#fleet
    // Who waits for a time of the wall clock has to wait when it was set back.
    const farMs = plan.scenario.isComplete === undefined ? 3_600_000 : 3_000
    const ms = pick(random, [-farMs, -200, 200, farMs])
    this.#note(`the clock of ${machine.name} jumps by ${ms} ms`)
    machine.clock.jump(ms)
  }

  readonly #badWeather = (): void => {
    const { random } = this.#fleet
    const likely = (): number => pick(random, [0, 0, 0.1, 0.4])
    const some = pick<readonly Api[] | undefined>(random, [
      undefined,
      [pick(random, apis)],
      [pick(random, apis), pick(random, apis)],
      [pick(random, ofCommits)],
      [pick(random, ofCommits)],
    ])
    const weather = {
      ...calm,
      requestLost: likely(),
      replyLost: likely(),
      late: likely(),
      repeated: likely(),
      slow: likely(),
      lateMs: pick(random, [30, 400, 1_500]),
      apis: some === undefined ? undefined : new Set(some),
    }
    this.#change(weather, `${some?.join(', ') ?? 'all'}: ${JSON.stringify(weather)}`, 1_500)
  }

  #change(weather: Weather, what: string, maxMs: number): void {
    const { weathers } = this.#fleet.network
    weathers.add(weather)
    this.#for(this.#ms(maxMs), what, () => weathers.delete(weather))
  }

  /** One at a time: somebody has to be left to lead. */
  readonly #breakDown = (): void => {
    if (this.#down !== 0) return
    const { cluster, random } = this.#fleet
    const node = this.#ms(BROKERS)
    this.#down = node
    cluster.faults.brokerDown(node, random() < 0.7 ? 'move' : 'unavailable')
    this.#for(this.#ms(2_000), `broker ${node} is down`, () => {
      cluster.faults.brokerUp(node)
      this.#down = 0
    })
  }

  readonly #moveLeaders = (): void => {
    const { cluster, plan, random } = this.#fleet
    this.#note('leaders move')
    for (const topic of plan.scenario.topics) {
      const partition = Math.floor(random() * PARTITIONS)
      cluster.faults.moveLeader({ topic, partition })
    }
  }

  readonly #moveCoordinator = (): void => {
    this.#note('the coordinator of the group moves')
    this.#fleet.cluster.faults.moveCoordinator('group', this.#fleet.plan.scenario.topology.name)
  }

  readonly #refuse = (): void => {
    const { cluster, random } = this.#fleet
    const api = pick(random, ['txnOffsetCommit', 'endTxn', 'offsetFetch', 'initProducerId'])
    const cancel = cluster.faults.refuse(
      (request) => request.api === api,
      'COORDINATOR_LOAD_IN_PROGRESS',
      Infinity,
    )
    this.#for(this.#ms(600), `${api} is refused`, cancel)
  }

  /** Whose commits nobody hears of, and who asks its old coordinator about them: decision 10. */
  readonly #sleepThroughMove = (): void => {
    const { cluster, plan } = this.#fleet
    cluster.faults.sleepThroughMove(plan.scenario.topology.name, 3_000)
    const weather = { ...calm, replyLost: 0.6, apis: new Set<Api>(['endTxn', 'heartbeat']) }
    this.#change(weather, 'the old coordinator of the group sleeps, and answers get lost', 1_500)
  }

  readonly #compact = (): void => {
    const { plan, compact } = this.#fleet
    const { name, stores } = plan.scenario.topology
    for (const store of stores.keys()) {
      this.#note(`the changelog of ${store} is compacted`)
      compact(`${name}-${store}-changelog`)
    }
  }
}
