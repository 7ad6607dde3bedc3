import { expect, test } from 'vitest'
import { json, session, sessionWindowed, string, topic, topology } from 'millrace'
import { Disk } from './disk.fixtures.ts'
import { Simulation, START_MS, textOf } from './simulation.fixtures.ts'

const clicks = topic('clicks', { key: string, value: json<number>() })
const visits = topic('visits', { key: sessionWindowed(string), value: json<number | null>() })

const counting = (gap: '1m' | '7m') =>
  topology('clicks', (builder) => {
    builder
      .stream(clicks)
      .groupByKey()
      .windowedBy(session(gap, { grace: '1h' }))
      .count({ store: 'visits' })
      .toStream()
      .to(visits)
  })

test('rows that lie otherwise on the disk than a new version looks for them are not overlooked', async () => {
  using simulation = new Simulation()
  for (const name of ['clicks', 'visits']) simulation.cluster.createTopic(name, 2)
  const disk = new Disk()
  const click = async (gap: '1m' | '7m', timestampMs: number): Promise<void> => {
    const life = simulation.start({ topology: counting(gap), disk, clientId: gap })
    simulation.write([{ topic: 'clicks', key: 'a', value: '1', timestampMs }])
    await simulation.until(() => simulation.hasCommitted('clicks', ['clicks']), 'it is counted')
    expect(await life.stop()).toBeUndefined()
    await simulation.clock.sleep(2_000)
  }
  await simulation.clock.run(async () => {
    await click('1m', START_MS - 600_000)
    await click('7m', START_MS - 400_000)
  })
  const values = simulation.committed('visits').flat()
  const texts = values.map(({ value }) => textOf(value))
  expect(texts.toSorted((left, right) => Number(left) - Number(right))).toEqual([null, '1', '2'])
})
