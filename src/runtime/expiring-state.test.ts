import { expect, test } from 'vitest'
import { json, string, topic, topology, tumbling, session, versionedStore } from 'millrace'
import { Disk } from './disk.fixtures.ts'
import { Simulation, START_MS, type InputRecord } from './simulation.fixtures.ts'

const views = topic('views', { key: string, value: json<number>() })

const expiring = topology('expiring', (builder) => {
  const stream = builder.stream(views)
  const byKey = stream.groupByKey()
  byKey.windowedBy(tumbling('1m', { grace: '0ms' })).count({ store: 'minutes' })
  byKey.windowedBy(session('10s', { grace: '0ms' })).count({ store: 'visits', retention: '5m' })
  stream.toTable({
    store: versionedStore('latest', { key: string, value: json<number>(), history: '5m' }),
  })
})

const KEYS = 5
const MINUTES = 600

/** A record of each key each minute, for hours. */
const records = Array.from({ length: MINUTES * KEYS }, (_, at): InputRecord => {
  const minute = Math.floor(at / KEYS)
  const timestampMs = START_MS - MINUTES * 60_000 + minute * 60_000 + (at % KEYS)
  return { topic: 'views', key: `key-${at % KEYS}`, value: String(at), timestampMs }
})

const rowsOf = (disk: Disk): Record<string, number> =>
  Object.fromEntries(
    ['minutes', 'visits', 'latest'].map((store) => [
      store,
      disk.backend('0_0').store(store).approximateCount(),
    ]),
  )

test('what has expired is gone from the disk, also where it was restored', async () => {
  using simulation = new Simulation()
  simulation.cluster.createTopic('views', 1)
  const isDone = (): boolean => simulation.hasCommitted('expiring', ['views'], 1)
  const [disk, other] = [new Disk(), new Disk()]
  await simulation.clock.run(async () => {
    const first = simulation.start({ topology: expiring, disk, clientId: 'first' })
    simulation.write(records.slice(0, -KEYS), 1)
    await simulation.until(isDone, 'all but a minute is counted')
    await first.stop()
    const second = simulation.start({ topology: expiring, disk: other, clientId: 'second' })
    simulation.write(records.slice(-KEYS), 1)
    await simulation.until(isDone, 'all is counted')
    await second.stop()
  })
  // A few minutes of each key are needed; three thousand rows have been there.
  for (const each of [disk, other]) {
    for (const [store, rows] of Object.entries(rowsOf(each))) {
      expect([store, rows < 20 * KEYS, rows >= KEYS]).toEqual([store, true, true])
    }
  }
})

test('changelogs are made so that Kafka forgets what has expired, and nothing else', async () => {
  using simulation = new Simulation()
  simulation.cluster.createTopic('views', 1)
  const topics = ['minutes', 'visits', 'latest'].map((store) => `expiring-${store}-changelog`)
  const configs = await simulation.clock.run(async () => {
    const life = simulation.start({ topology: expiring, disk: new Disk(), clientId: 'first' })
    simulation.write(records.slice(0, 1), 1)
    const isDone = (): boolean => simulation.hasCommitted('expiring', ['views'], 1)
    await simulation.until(isDone, 'a record is counted')
    await life.stop()
    const port = await simulation.connect('admin')
    return port.describeConfigs(topics)
  })
  const common = { 'message.timestamp.type': 'CreateTime' }
  const [minutes, visits, latest] = topics.map((name) => configs.get(name))
  expect(minutes).toMatchObject({
    ...common,
    'cleanup.policy': 'compact,delete',
    'retention.ms': String(60_000 + 86_400_000),
  })
  expect(visits).toMatchObject({
    ...common,
    'cleanup.policy': 'compact,delete',
    'retention.ms': String(300_000 + 86_400_000),
  })
  expect(latest).toMatchObject({
    ...common,
    'cleanup.policy': 'compact',
    'min.compaction.lag.ms': String(300_000 + 86_400_000),
  })
})
