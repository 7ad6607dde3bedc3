import { seededRandom, type Random } from '../../src/core/random.ts'

/** Something that production does to a fleet, and after how long it is over. */
export type Blow =
  /** `kill -9`, and started again on its disk. */
  | { readonly type: 'kill process'; readonly target: number; readonly forMs: number }
  /** SIGSTOP for longer than its session, then SIGCONT: a zombie. */
  | { readonly type: 'freeze process'; readonly target: number; readonly forMs: number }
  /** One process after the other: SIGTERM, and started again when it has ended. */
  | { readonly type: 'roll' }
  | { readonly type: 'kill broker'; readonly target: number; readonly forMs: number }
  | { readonly type: 'freeze broker'; readonly target: number; readonly forMs: number }

/** A blow and when it falls, counted from the beginning. */
export type Scheduled = Blow & { readonly atMs: number }

export interface ScheduleOptions {
  readonly seed: number
  readonly lengthMs: number
  readonly processes: number
  readonly brokers: number
  readonly sessionTimeoutMs: number
}

/** What is left alone at the end of a run is the time in which the last blow heals. */
const FIRST_MS = 3_000
/** In which a broker that is back follows the others again, before the next one goes. */
const BROKER_RECOVERS_MS = 5_000
/** Between one blow on the processes and the next: some meet, and others find a fleet at work. */
const PAUSE_MS = [1_000, 12_000] as const
/** For each process of a roll. */
const ROLL_MS = 3_000
/** So that there always is somebody to take over. */
const PROCESSES_DOWN_MAX = 2

/** What happens to the processes and what happens to the brokers, each at a pace of its own. */
export function newSchedule(options: ScheduleOptions): readonly Scheduled[] {
  return [...blowsOnProcesses(options), ...blowsOnBrokers(options)].sort((a, b) => a.atMs - b.atMs)
}

function* blowsOnProcesses(options: ScheduleOptions): Generator<Scheduled> {
  const { seed, lengthMs, processes, sessionTimeoutMs } = options
  const random = seededRandom(seed)
  const draw = deck<Blow['type']>(random, [
    ...(['kill process', 'kill process', 'kill process'] as const),
    ...(['freeze process', 'freeze process', 'roll'] as const),
  ])
  const backAtMs = Array.from({ length: processes }, () => 0)
  for (let atMs = FIRST_MS; ; atMs += between(random, ...PAUSE_MS)) {
    const type = draw()
    if (type === 'roll') atMs = Math.max(atMs, ...backAtMs)
    else {
      const secondLast = backAtMs.toSorted((a, b) => b - a)[PROCESSES_DOWN_MAX - 1] ?? 0
      atMs = Math.max(atMs, secondLast)
    }
    if (atMs >= lengthMs) return
    if (type === 'roll') {
      yield { atMs, type }
      atMs += processes * ROLL_MS
    } else if (type === 'kill process' || type === 'freeze process') {
      const up = backAtMs.flatMap((backMs, index) => (backMs <= atMs ? [index] : []))
      const target = up[Math.floor(random() * up.length)] as number
      const forMs =
        type === 'kill process'
          ? between(random, 0, 2 * sessionTimeoutMs)
          : sessionTimeoutMs + between(random, 1_000, 5_000)
      yield { atMs, type, target, forMs }
      backAtMs[target] = atMs + forMs
    }
  }
}

/** One at a time: replicas are three, and two have to be in sync. */
function* blowsOnBrokers({ seed, lengthMs, brokers }: ScheduleOptions): Generator<Scheduled> {
  const random = seededRandom(seed + 1_000_003)
  const draw = deck(random, ['kill broker', 'kill broker', 'freeze broker'] as const)
  for (let atMs = 2 * FIRST_MS; ;) {
    const type = draw()
    const target = Math.floor(random() * brokers)
    const forMs = between(random, 500, 6_000)
    if (atMs + forMs >= lengthMs) return
    yield { atMs, type, target, forMs }
    atMs += forMs + BROKER_RECOVERS_MS + between(random, 0, 15_000)
  }
}

/** Each comes up as often as it is in the deck, in an order that nobody knows. */
function deck<T>(random: Random, cards: readonly T[]): () => T {
  let left: T[] = []
  return () => {
    if (left.length === 0) left = [...cards]
    return left.splice(Math.floor(random() * left.length), 1)[0] as T
  }
}

const between = (random: Random, leastMs: number, mostMs: number): number =>
  Math.round(leastMs + random() * (mostMs - leastMs))

/** For a person, as it is printed when it falls. */
export function inWords(blow: Blow): string {
  const seconds = 'forMs' in blow ? `${(blow.forMs / 1_000).toFixed(1)} s` : ''
  switch (blow.type) {
    case 'kill process':
      return `process ${blow.target}: kill -9, started again after ${seconds}`
    case 'freeze process':
      return `process ${blow.target}: frozen for ${seconds}`
    case 'roll':
      return 'all processes: SIGTERM and started again, one after the other'
    case 'kill broker':
      return `broker ${blow.target}: kill -9, started again after ${seconds}`
    case 'freeze broker':
      return `broker ${blow.target}: frozen for ${seconds}`
  }
}
