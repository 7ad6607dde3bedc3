/** A scenario whose outcome is what the test driver gives for the records of each partition. */
import { expect } from 'vitest'
import { topic, type Topic, type Topology } from 'millrace'
import { noHeaders } from '../core/record.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { bytes } from '../serde/bytes.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { PARTITIONS, type Scenario } from './scenarios.fixtures.ts'
import { bytesOf, textOf, type InputRecord, type Simulation } from './simulation.fixtures.ts'

export interface DriverScenario {
  /** One sub-topology, whose steps show the same with a cache as without one. */
  readonly topology: Topology
  readonly inputs: readonly string[]
  readonly output: string
  readonly waves: readonly (readonly InputRecord[])[]
}

type Row = readonly [key: string | null, value: string | null, timestampMs: number]

const raw = (name: string): Topic<Uint8Array, Uint8Array> =>
  topic(name, { key: bytes, value: bytes })

async function outputOf(
  { topology, output }: DriverScenario,
  records: readonly InputRecord[],
): Promise<readonly Row[]> {
  await using driver = new TopologyTestDriver(topology)
  for (const { topic: name, key, value, timestampMs, headers = noHeaders } of records) {
    await driver
      .input(raw(name))
      .sendBytes(key === null ? null : bytesOf(key), value === null ? null : bytesOf(value), {
        timestampMs,
        headers,
      })
  }
  return driver
    .output(raw(output))
    .records()
    .map(({ key, value, timestampMs }) => [textOf(key), textOf(value), timestampMs])
}

/** Every output record of each partition, in order, whatever happened on the way. */
export async function driverScenario(scenario: DriverScenario): Promise<Scenario> {
  const { topology, inputs, output, waves } = scenario
  const records = waves.flat()
  const expected = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) =>
      outputOf(
        scenario,
        records.filter(({ key }) => partitionForKey(bytesOf(key ?? ''), PARTITIONS) === partition),
      ),
    ),
  )
  const seen = (simulation: Simulation): readonly (readonly Row[])[] =>
    simulation
      .committed(output)
      .map((partition) =>
        partition.map(({ key, value, timestampMs }) => [textOf(key), textOf(value), timestampMs]),
      )
  return {
    topology,
    topics: [...inputs, output],
    waves,
    inputs,
    expectExact: (simulation) => {
      expect(seen(simulation)).toEqual(expected)
    },
    expectNothingLost: (simulation) => {
      const keys = (rows: readonly (readonly Row[])[]) => new Set(rows.flat().map(([key]) => key))
      expect(keys(seen(simulation))).toEqual(keys(expected))
    },
  }
}
