import { describe, expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology } from 'millrace'
import { Disk, Simulation, START_MS, textOf } from '../simulation.fixtures.ts'
import { Punctuations } from './punctuations.ts'

/** Punctuations with names, and what has fired: name and time. */
function scheduled(): {
  readonly punctuations: Punctuations
  readonly fired: string[]
  readonly every: (
    name: string,
    intervalMs: number,
    type?: 'stream-time' | 'wall-clock',
  ) => ReturnType<Punctuations['schedule']>
} {
  const punctuations = new Punctuations()
  const fired: string[] = []
  return {
    punctuations,
    fired,
    every: (name, intervalMs, type = 'stream-time') =>
      punctuations.schedule(intervalMs, type, 1_000, (at) => fired.push(`${name} at ${at}`)),
  }
}

describe('a punctuation by stream time', () => {
  test('fires with the first record, then keeps to the beat that is counted from 0', () => {
    const { punctuations, fired, every } = scheduled()
    every('tick', 100)
    for (const streamTimeMs of [-1, 1_234, 1_299, 1_300, 1_399, 1_400]) {
      punctuations.fire('stream-time', streamTimeMs)
    }
    expect(fired).toEqual(['tick at 1234', 'tick at 1300', 'tick at 1400'])
  })

  test('fires once for several beats that no record came in', () => {
    const { punctuations, fired, every } = scheduled()
    every('tick', 100)
    for (const streamTimeMs of [50, 749, 799, 800]) punctuations.fire('stream-time', streamTimeMs)
    expect(fired).toEqual(['tick at 50', 'tick at 749', 'tick at 800'])
  })

  test('has nothing to do with the wall clock', () => {
    const { punctuations, fired, every } = scheduled()
    every('tick', 100)
    expect(punctuations.fire('wall-clock', 100_000)).toBe(false)
    expect(punctuations.nextDueMs('wall-clock')).toBeUndefined()
    expect(fired).toEqual([])
  })
})

test('a punctuation by the wall clock fires one interval after it was scheduled', () => {
  const { punctuations, fired, every } = scheduled()
  every('tick', 100, 'wall-clock')
  expect(punctuations.nextDueMs('wall-clock')).toBe(1_100)
  for (const nowMs of [1_099, 1_100, 1_150, 1_460, 1_499, 1_500]) {
    punctuations.fire('wall-clock', nowMs)
  }
  expect(fired).toEqual(['tick at 1100', 'tick at 1460', 'tick at 1500'])
})

test('of several that are due the one that is due first fires first', () => {
  const { punctuations, fired, every } = scheduled()
  every('slow', 100)
  every('quick', 30)
  every('slow too', 100)
  punctuations.fire('stream-time', 0)
  punctuations.fire('stream-time', 100)
  expect(fired.slice(3)).toEqual(['quick at 100', 'slow at 100', 'slow too at 100'])
})

test('a callback may cancel itself and others, and schedule new ones', () => {
  const { punctuations, fired, every } = scheduled()
  const own = punctuations.schedule(10, 'stream-time', 0, (at) => {
    fired.push(`own at ${at}`)
    own.cancel()
    other.cancel()
    other.cancel()
    every('new', 10)
  })
  const other = every('other', 10)
  punctuations.fire('stream-time', 5)
  punctuations.fire('stream-time', 20)
  expect(fired).toEqual(['own at 5', 'new at 5', 'new at 20'])
})

describe('stream time in a running application', () => {
  const events = topic('events', { key: string, value: string })
  const beats = topic('beats', { key: string, value: json<number>() })

  /** Says what stream time it is, once a second of it and with every record. */
  const clockwork = topology('clockwork', (builder) => {
    builder
      .stream(events)
      .process<string, number>(
        () => {
          let isEarlier = (): boolean => false
          return {
            init: ({ schedule, forward, store }) => {
              const last = store<string, number>('last')
              schedule('1s', 'stream-time', (timestampMs) => {
                forward({ key: 'beat', value: timestampMs - START_MS, timestampMs })
                last.put('beat', timestampMs)
              })
              isEarlier = () => last.get('beat') !== undefined
            },
            process: (record, context) => {
              context.forward({
                key: isEarlier() ? 'after a beat' : 'before any beat',
                value: context.streamTimeMs - START_MS,
                timestampMs: record.timestampMs,
              })
            },
          }
        },
        {
          name: 'clock',
          stores: [keyValueStore('last', { key: string, value: json<number>() })],
        },
      )
      .to(beats)
  })

  test('never goes back, also not over a restart', async () => {
    using simulation = new Simulation()
    for (const name of ['events', 'beats']) simulation.cluster.createTopic(name, 1)
    const disk = new Disk()
    const send = async (atMs: number): Promise<void> => {
      const timestampMs = START_MS + atMs
      simulation.write([{ topic: 'events', key: 'k', value: 'v', timestampMs }], 1)
      const isCommitted = (): boolean => simulation.hasCommitted('clockwork', ['events'], 1)
      await simulation.until(isCommitted, 'it is committed')
    }
    await simulation.clock.run(async () => {
      const first = simulation.start({ topology: clockwork, disk, clientId: 'first' })
      await send(500)
      await send(2_300)
      await send(1_000)
      first.crash()
      const second = simulation.start({ topology: clockwork, disk, clientId: 'second' })
      // Late by what came before the restart.
      await send(1_700)
      await second.stop()
      simulation.start({ topology: clockwork, disk: new Disk(), clientId: 'third' })
      await send(3_100)
      await simulation.stopAll()
    })
    const seen = simulation
      .committed('beats', 1)
      .flat()
      .map(({ key, value }) => `${textOf(key)}: ${textOf(value)}`)
    expect(seen).toEqual([
      'before any beat: 500',
      'beat: 500',
      'after a beat: 2300',
      'beat: 2300',
      'after a beat: 2300',
      'after a beat: 2300',
      'beat: 2300',
      'after a beat: 3100',
      'beat: 3100',
    ])
  })
})
