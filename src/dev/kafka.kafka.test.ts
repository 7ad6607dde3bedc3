import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { clusterView, exchange } from './broker-probe.ts'
import { temporaryFolder } from './environment.ts'
import { startKafka } from './kafka.ts'
import type { RunningKafka } from './running-kafka.ts'
import { command } from './supervisor-control.ts'

afterEach(() => void vi.unstubAllEnvs())

const patient = { timeout: 30_000, interval: 50 }

const portOf = (kafka: { brokers: readonly string[] }, index = 0): number =>
  Number(kafka.brokers[index]?.split(':')[1])

const nodePid = async (dataDir: string): Promise<number> =>
  Number(await readFile(join(dataDir, 'node-1.pid'), 'utf8'))

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const startOwn = (options: { brokers?: 1 | 3; configs?: Record<string, string> } = {}) =>
  startKafka({ own: true, ...options })

const brokersSeenBy = async (kafka: RunningKafka, index: number): Promise<readonly number[]> => {
  const ids = (await clusterView(portOf(kafka, index), 1_000))?.brokerIds ?? []
  return ids.toSorted((a, b) => a - b)
}

/** Another process that runs `code` with everything of `./kafka.ts` and `./detached-kafka.ts`. */
function otherProcess(code: string, env: Record<string, string> = {}): ChildProcess {
  const modules = ['kafka', 'detached-kafka'].map(
    (name) => `import * as ${name.replace('-', '')} from '${import.meta.resolve(`./${name}.ts`)}'`,
  )
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', `${modules.join('\n')}\n${code}`],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const firstLine = async (child: ChildProcess): Promise<string> =>
  String(((await once(child.stdout!, 'data')) as [Buffer])[0]).split('\n')[0]!

async function outputOf(child: ChildProcess): Promise<string> {
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  return output
}

test('a start gives a broker that serves, a stop leaves nothing behind', async () => {
  const kafka = await startOwn()
  const pid = await nodePid(kafka.dataDir!)
  expect(kafka).toMatchObject({ kind: 'java', isNew: true })
  expect(await brokersSeenBy(kafka, 0)).toEqual([1])

  await kafka.stop()
  await kafka.stop()

  expect(await clusterView(portOf(kafka), 1_000)).toBeUndefined()
  expect(existsSync(kafka.dataDir!)).toBe(false)
  expect(isAlive(pid)).toBe(false)
})

test('every feature of this Kafka is on, transactions of version 2 among them', async () => {
  await using kafka = await startOwn()
  const features = await finalizedFeatures(portOf(kafka))
  expect(features).toMatchObject({ 'transaction.version': 2, 'group.version': 1 })
})

// The sockets of a process can be read from /proc on Linux only.
test.runIf(process.platform === 'linux')('it listens on loopback and nowhere else', async () => {
  await using kafka = await startOwn()
  const listening = await listeningAddresses(await nodePid(kafka.dataDir!))
  expect(listening.length).toBe(2)
  expect(new Set(listening)).toEqual(new Set(['::ffff:127.0.0.1']))
})

test('starts side by side do not disturb one another', async () => {
  const clusters = await Promise.all([startOwn(), startOwn(), startOwn()])
  const seen = await Promise.all(clusters.map((each) => brokersSeenBy(each, 0)))
  await Promise.all(clusters.map((each) => each.stop()))
  expect(seen).toEqual([[1], [1], [1]])
  expect(new Set(clusters.flatMap((each) => each.brokers)).size).toBe(3)
})

test('it ends with its owner, even when that is killed', async () => {
  const owner = otherProcess(`
    const { brokers, dataDir } = await kafka.startKafka({ own: true })
    console.log(JSON.stringify({ brokers, dataDir }))
    setInterval(() => {}, 60_000)
  `)
  const started = JSON.parse(await firstLine(owner)) as { brokers: string[]; dataDir: string }
  const pid = await nodePid(started.dataDir)
  expect(await clusterView(portOf(started), 1_000)).toBeDefined()

  owner.kill('SIGKILL')

  await expect.poll(() => isAlive(pid), patient).toBe(false)
  await expect.poll(() => existsSync(started.dataDir), patient).toBe(false)
})

test('it ends when its supervisor is killed, too', async () => {
  await using kafka = await startOwn()
  const pid = await nodePid(kafka.dataDir!)
  const supervisor = await command(kafka.dataDir!, { type: 'status' })

  process.kill(supervisor!.pid, 'SIGKILL')

  await expect.poll(() => isAlive(pid), patient).toBe(false)
  await expect.poll(() => existsSync(kafka.dataDir!), patient).toBe(false)
  await expect(kafka.killBroker(0)).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' })
})

test('a start clears away the data of one whose owner and supervisor were killed', async () => {
  const leftover = await mkdtemp(join(temporaryFolder(), 'millrace-kafka-'))
  const young = await mkdtemp(join(temporaryFolder(), 'millrace-kafka-'))
  onTestFinished(() => rm(young, { recursive: true }))
  await mkdir(join(leftover, 'node-1'))
  await utimes(leftover, 1_000_000, 1_000_000)

  await using _kafka = await startOwn()

  expect([existsSync(leftover), existsSync(young)]).toEqual([false, true])
})

test('three brokers survive the kill of one, and it comes back on its port', async () => {
  await using kafka = await startOwn({ brokers: 3 })
  expect(await brokersSeenBy(kafka, 0)).toEqual([1, 2, 3])

  await kafka.killBroker(1)
  await expect.poll(() => brokersSeenBy(kafka, 0), patient).toEqual([1, 3])
  expect(await brokersSeenBy(kafka, 1)).toEqual([])

  await kafka.startBroker(1)
  await expect.poll(() => brokersSeenBy(kafka, 0), patient).toEqual([1, 2, 3])
  expect(await brokersSeenBy(kafka, 1)).toEqual([1, 2, 3])
})

test('a frozen broker answers nothing, is left out, and returns when it thaws', async () => {
  await using kafka = await startOwn({ brokers: 3 })

  await kafka.freezeBroker(2)
  expect(await brokersSeenBy(kafka, 2)).toEqual([])
  await expect.poll(() => brokersSeenBy(kafka, 0), patient).toEqual([1, 2])

  await kafka.thawBroker(2)
  await expect.poll(() => brokersSeenBy(kafka, 0), patient).toEqual([1, 2, 3])
})

test('a broker that is down cannot be killed, and one that is up cannot be started', async () => {
  await using kafka = await startOwn()
  await expect(kafka.startBroker(0)).rejects.toThrow('cannot start broker 0: it is running')
  await kafka.killBroker(0)
  await expect(kafka.killBroker(0)).rejects.toThrow('cannot kill broker 0: it is not running')
  await expect(kafka.killBroker(1)).rejects.toThrow('there is no broker 1')
})

test('a setting that Kafka refuses is shown in its own words', async () => {
  const refused = startOwn({ configs: { 'num.network.threads': '0' } })
  await expect(refused).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' })
  await expect(refused).rejects.toThrow(/num\.network\.threads.*Value must be at least 1/)
})

test('a Kafka that KAFKA_BROKERS names is used, and left alone', async () => {
  vi.stubEnv('KAFKA_BROKERS', 'one:9092, two:9092')
  await using kafka = await startKafka()
  expect(kafka).toMatchObject({ kind: 'external', brokers: ['one:9092', 'two:9092'] })
  await expect(kafka.killBroker(0)).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' })
})

// With an engine there, Docker is the right answer.
test.skipIf(existsSync('/var/run/docker.sock'))(
  'without Java and Docker the error says what to install',
  async () => {
    vi.stubEnv('JAVA_HOME', join(tmpdir(), 'no-java-here'))
    const message = 'there is no Kafka to run on: no Java is installed, and Docker cannot be used'
    await expect(startOwn()).rejects.toMatchObject({
      code: 'KAFKA_UNAVAILABLE',
      message,
      hint: expect.stringContaining('apt install default-jre-headless maven') as string,
    })
  },
)

test('of two detached starts on a fresh machine one wins, and it outlives both', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'millrace-cache-'))
  onTestFinished(() => rm(cache, { recursive: true }))
  const env = { XDG_CACHE_HOME: cache }
  const start = `
    const onProgress = (line) => console.log(line)
    const { brokers, isNew } = await kafka.startKafka({ owner: 'detached', onProgress })
    console.log(JSON.stringify({ brokers, isNew }))
  `
  // Killed half way through its download, a third leaves nothing that disturbs.
  const killed = otherProcess(start, env)
  expect(await firstLine(killed)).toContain('fetching Kafka')
  killed.kill('SIGKILL')

  const outputs = await Promise.all([0, 1].map(() => outputOf(otherProcess(start, env))))
  const results = outputs.map(
    (output) =>
      JSON.parse(output.trim().split('\n').at(-1)!) as { brokers: string[]; isNew: boolean },
  )
  expect(outputs.join('').match(/fetching Kafka/g)).toHaveLength(1)
  expect(results.filter((each) => each.isNew)).toHaveLength(1)
  expect(results[0]!.brokers).toEqual(results[1]!.brokers)
  expect(await clusterView(portOf(results[0]!), 1_000)).toBeDefined()

  const stop = `
    const states = async () => (await detachedkafka.kafkaStatus())?.states
    const before = await states()
    const stops = [await detachedkafka.stopKafka(), await detachedkafka.stopKafka()]
    console.log(JSON.stringify([before, stops, await states()]))
  `
  const stopped = JSON.parse(await outputOf(otherProcess(stop, env))) as unknown
  expect(stopped).toEqual([['running'], [true, false], null])
  expect(await clusterView(portOf(results[0]!), 1_000)).toBeUndefined()
})

/** Feature levels of the cluster, by one ApiVersions request of version 3 (KIP-584). */
async function finalizedFeatures(port: number): Promise<Record<string, number>> {
  const request = Buffer.from([0, 18, 0, 3, 0, 0, 0, 1, 0, 1, 120, 0, 2, 120, 2, 49, 0])
  const answer = (await exchange(port, request, 5_000))!
  let at = 6 // correlation id, error code
  const byte = (): number => answer.readUInt8(at++)
  const int16 = (): number => answer.readInt16BE((at += 2) - 2)
  const varint = (): number => {
    const low = byte()
    return low < 128 ? low : (low & 127) + varint() * 128
  }
  const features: Record<string, number> = {}
  for (let apis = varint() - 1; apis > 0; apis -= 1) at += 7
  at += 4 // throttle time
  for (let tags = varint(); tags > 0; tags -= 1) {
    const tag = varint()
    const end = varint() + at
    const finalized = tag === 2 ? varint() - 1 : 0
    for (let i = 0; i < finalized; i += 1) {
      const length = varint() - 1
      const name = answer.toString('utf8', at, (at += length))
      features[name] = int16()
      at += 3 // lowest level, tags
    }
    at = end
  }
  return features
}

/** The local addresses on which a process accepts connections. */
async function listeningAddresses(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`
  const links = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')),
  )
  const inodes = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]))
  const addresses: string[] = []
  for (const table of ['tcp', 'tcp6']) {
    const rows = (await readFile(`/proc/${pid}/net/${table}`, 'utf8')).trim().split('\n').slice(1)
    for (const row of rows.map((each) => each.trim().split(/\s+/))) {
      if (row[3] !== '0A' || !inodes.has(row[9])) continue
      addresses.push(addressText(row[1]!.split(':')[0]!))
    }
  }
  return addresses
}

/** Linux prints an address as words in the byte order of the machine: 0100007F is 127.0.0.1. */
const addressText = (hex: string): string => {
  const v4 = hex.slice(-8).match(/../g)!.toReversed()
  const dotted = v4.map((each) => Number.parseInt(each, 16)).join('.')
  if (hex.length === 8 || hex.startsWith('0000000000000000FFFF0000')) return `::ffff:${dotted}`
  return hex
}
