import { systemClock } from '../../src/core/clock.ts'
import { readTopic } from '../../src/admin/read-topic.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { peerEnvironment, type PeerRun } from './peer-environment.ts'
import { PeerProcess } from './peer-process.ts'
import { createTopic, offsetsIn, partitionsOf } from './topics.ts'
import { outputsOf, verifierOf } from './verify.ts'

const LOOK_EVERY_MS = 100
/** Nothing comes any more: what is there is verified, and found to be too little. */
const STALLED_MS = 20_000

export interface Throughput {
  readonly correct: boolean
  readonly problems: readonly string[]
  /** From process start to the append of the first output. */
  readonly firstOutputSeconds: number
  readonly recordsPerSecond: number
  /** Of the second half of the outputs: with warm code. */
  readonly warmRecordsPerSecond: number
  readonly cpuMicrosPerRecord: {
    /** Start-up and shutdown included. */
    readonly all: number
    readonly steady: number
    readonly warm: number
  }
  readonly peakRssMiB: number
}

/** Lets the peer work through an input that is there already, as fast as it can. */
export async function measureThroughput(
  port: KafkaPort,
  run: PeerRun,
  input: { readonly records: number; readonly startMs: number },
): Promise<Throughput> {
  await createTopic(port, run.output, 'append')
  const peer = new PeerProcess(peerEnvironment(run))
  try {
    await allAnswered(port, run, outputsOf(run.workload, input.records), peer)
  } finally {
    await peer.stop()
  }
  const verifier = verifierOf(run.workload, input.records, input.startMs)
  const times: number[] = []
  for await (const output of readTopic(port, systemClock, run.output)) {
    times.push(output.timestampMs)
    verifier.check(output)
  }
  const problems = verifier.problems()
  return { correct: problems.length === 0, problems, ...figures(peer, times, input.records) }
}

function figures(peer: PeerProcess, outputTimes: readonly number[], records: number) {
  const times = outputTimes.toSorted((a, b) => a - b)
  const [first = NaN, half = NaN, last = NaN] = [times[0], times[times.length >> 1], times.at(-1)]
  const rate = (count: number, fromMs: number): number =>
    Math.round((count * 1_000) / Math.max(1, last - fromMs))
  const micros = (cpuSeconds: number, count: number): number =>
    Number(((cpuSeconds * 1e6) / count).toFixed(2))
  const since = (fromMs: number): number => peer.cpuSecondsAt(last) - peer.cpuSecondsAt(fromMs)
  return {
    firstOutputSeconds: Number(((first - peer.startedMs) / 1_000).toFixed(2)),
    recordsPerSecond: rate(records, first),
    warmRecordsPerSecond: rate(records / 2, half),
    cpuMicrosPerRecord: {
      all: micros(peer.cpuSeconds, records),
      steady: micros(since(first), records),
      warm: micros(since(half), records / 2),
    },
    peakRssMiB: peer.peakRssMiB,
  }
}

export async function allAnswered(
  port: KafkaPort,
  run: PeerRun,
  outputs: number,
  peer: PeerProcess,
): Promise<void> {
  let seen = 0
  let movedMs = systemClock.nowMs()
  while (peer.isRunning) {
    const offsets = await offsetsIn(port, run.output)
    // Transactions add markers to the output: there the input's committed offsets tell.
    if (offsets >= outputs && (run.workload !== 'W2' || (await isCommitted(port, run)))) return
    const nowMs = systemClock.nowMs()
    if (offsets !== seen) movedMs = nowMs
    if (nowMs - movedMs > STALLED_MS) return
    seen = offsets
    await systemClock.sleep(LOOK_EVERY_MS)
  }
}

async function isCommitted(port: KafkaPort, run: PeerRun): Promise<boolean> {
  const committed = await port.offsetFetch(run.name, partitionsOf(run.input), false)
  const sum = committed.reduce((all, { offset }) => all + (offset ?? 0), 0)
  return sum >= (await offsetsIn(port, run.input))
}
