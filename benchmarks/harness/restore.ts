import { mkdir, rm } from 'node:fs/promises'
import { readTopic } from '../../src/admin/read-topic.ts'
import { systemClock } from '../../src/core/clock.ts'
import { noHeaders } from '../../src/core/record.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { partitionForKey } from '../../src/kafka/wire/murmur2.ts'
import { peerEnvironment, type PeerRun } from './peer-environment.ts'
import { PeerProcess } from './peer-process.ts'
import { allAnswered } from './throughput.ts'
import { createTopic, fill, orderProducer, PARTITIONS } from './topics.ts'

const LOOK_EVERY_MS = 50
const IDLE_WITHIN_MS = 60_000
const ANSWERED_WITHIN_MS = 120_000

export interface Restore {
  readonly correct: boolean
  readonly problems: readonly string[]
  readonly keys: number
  /** From process start until a record of each partition was answered from the restored store. */
  readonly restoreSeconds: number
  readonly cpuSeconds: number
  readonly peakRssMiB: number
}

const keyOf = (index: number): string => `r-${index}`
const valueOf = (index: number): string => `v-${index}-`.padEnd(100, `${index}`)

/** Fills a store of so many keys, removes it, and has the peer answer from it once more. */
export async function measureRestore(
  port: KafkaPort,
  run: PeerRun,
  keys: number,
): Promise<Restore> {
  const nowMs = systemClock.nowMs()
  await fill(port, [run.input], keys, (producer, index) => {
    const [key, value] = [Buffer.from(keyOf(index)), Buffer.from(valueOf(index))]
    producer.send(run.input, null, nowMs, key, value, noHeaders)
  })
  await createTopic(port, run.output, 'append')
  const first = new PeerProcess(peerEnvironment(run))
  try {
    await allAnswered(port, run, keys, first)
  } finally {
    await first.stop()
  }
  await rm(run.stateDirectory, { recursive: true })
  await mkdir(run.stateDirectory)
  await groupIsIdle(port, run.name)
  const probes = probesOf(keys)
  const producer = await orderProducer(port, 0)
  for (const index of probes) {
    const [key, value] = [Buffer.from(keyOf(index)), Buffer.from('probe')]
    producer.send(run.input, null, systemClock.nowMs(), key, value, noHeaders)
  }
  await producer.flush()
  await producer.close()
  return measureStart(port, { ...run, output: `${run.output}-2` }, probes, keys)
}

/** The last key of each partition. */
function probesOf(keys: number): readonly number[] {
  const probes = new Map<number, number>()
  for (let index = keys - 1; index >= 0 && probes.size < PARTITIONS; index--) {
    const partition = partitionForKey(Buffer.from(keyOf(index)), PARTITIONS)
    if (!probes.has(partition)) probes.set(partition, index)
  }
  return [...probes.values()]
}

async function measureStart(
  port: KafkaPort,
  run: PeerRun,
  probes: readonly number[],
  keys: number,
): Promise<Restore> {
  await createTopic(port, run.output, 'append')
  const peer = new PeerProcess(peerEnvironment(run))
  let answers = new Map<string, Answer>()
  try {
    while (answers.size < probes.length && peer.isRunning) {
      await systemClock.sleep(LOOK_EVERY_MS)
      if (systemClock.nowMs() - peer.startedMs > ANSWERED_WITHIN_MS) break
      answers = await answersIn(port, run.output)
    }
  } finally {
    await peer.stop()
  }
  const problems = probes
    .filter((index) => answers.get(keyOf(index))?.text !== valueOf(index))
    .map((index) => `${keyOf(index)} was ${answers.get(keyOf(index))?.text}`)
  const lastMs = Math.max(...[...answers.values()].map(({ atMs }) => atMs))
  return {
    correct: problems.length === 0,
    problems,
    keys,
    restoreSeconds: Number(((lastMs - peer.startedMs) / 1_000).toFixed(2)),
    cpuSeconds: Number(peer.cpuSecondsAt(lastMs).toFixed(2)),
    peakRssMiB: peer.peakRssMiB,
  }
}

interface Answer {
  readonly text: string
  readonly atMs: number
}

async function answersIn(port: KafkaPort, topic: string): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>()
  for await (const { key, value, timestampMs } of readTopic(port, systemClock, topic)) {
    const text = Buffer.from(value ?? []).toString()
    answers.set(Buffer.from(key ?? []).toString(), { text, atMs: timestampMs })
  }
  return answers
}

/** A member that has not left yet would hold the next one up for its session. */
async function groupIsIdle(port: KafkaPort, group: string): Promise<void> {
  const untilMs = systemClock.nowMs() + IDLE_WITHIN_MS
  while (systemClock.nowMs() < untilMs) {
    const described = await port.describeGroup(group)
    if (described.members.length === 0) return
    await systemClock.sleep(LOOK_EVERY_MS)
  }
}
