import { expect, test } from 'vitest'
import { string, timestamps, topic, topology } from 'millrace'
import { Disk, Simulation, START_MS, type InputRecord } from '../simulation.fixtures.ts'

const input = topic('input', { key: string, value: string })
const timed = topic('timed', { key: string, value: string })

/** The time of a record is its value. */
const timing = topology('timing', (builder) => {
  const timestamp = timestamps.usePartitionTimeOnInvalid((value: string) => Number(value))
  builder.stream(input, { timestamp }).to(timed)
})

const record = (value: string): InputRecord => ({
  topic: 'input',
  key: 'k',
  value,
  timestampMs: START_MS,
})

test('the time of a partition is what it was when its task is started again', async () => {
  using simulation = new Simulation()
  simulation.cluster.createTopic('input', 1)
  simulation.cluster.createTopic('timed', 1)
  const times = (): readonly number[] =>
    (simulation.committed('timed', 1)[0] ?? []).map(({ timestampMs }) => timestampMs)
  await simulation.clock.run(async () => {
    simulation.write([record('700'), record('500')], 1)
    const first = simulation.start({ topology: timing, disk: new Disk(), clientId: 'first' })
    await simulation.until(() => times().length === 2, 'both are through')
    await first.stop()
    simulation.write([record('unknown')], 1)
    simulation.start({ topology: timing, disk: new Disk(), clientId: 'second' })
    await simulation.until(() => times().length === 3, 'the one without a time is through')
  })
  expect(times()).toEqual([700, 500, 700])
})
