import { describe, expect, test } from 'vitest'
import { textOf } from '../../kafka/client/client.fixtures.ts'
import {
  attemptsOf,
  DEAD,
  putLetters,
  redriven,
  sent,
  someLetters,
  START_MS,
  valuesInOrder,
  valuesSent,
  withLetters,
  type Letter,
} from './redrive.fixtures.ts'

describe('a redrive', () => {
  test('sends each letter to where it came from, as it was, and says how often', async () => {
    const letters = someLetters(40)
    using simulation = withLetters(letters)
    const summary = await redriven(simulation)
    expect(summary).toEqual({
      redriven: 40,
      earlier: 0,
      others: 0,
      refused: { 'sent too often': 0, 'no source': 0, 'source is gone': 0 },
      group: 'orders.dead-letters-redrive',
      targets: valuesInOrder(letters).map(({ length }, partition) => ({
        topic: 'orders',
        partition,
        count: length,
      })),
    })
    const expected = letters.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
    const records = sent(simulation).flat()
    expect(
      records.map(({ partition, timestampMs, key, value, headers }) => ({
        partition,
        timestampMs,
        key: textOf(key),
        value: textOf(value),
        headers: headers.map(([name, text]) => `${name}: ${textOf(text)}`),
      })),
    ).toEqual(
      expected.map(({ partition, timestampMs, key, value, offset }) => ({
        partition,
        timestampMs,
        key,
        value,
        headers: [`trace: t-${offset - 10}`, 'millrace.redrive.attempts: 1'],
      })),
    )
  })

  test('keeps the order of the source where letters of it lie in several partitions', async () => {
    // The orders of one source partition are spread over the partitions of the dead-letter topic.
    const letters = someLetters(60, 20).map((letter) => ({ ...letter, partition: 1 }))
    using simulation = withLetters(letters)
    await redriven(simulation, { rate: 7 })
    expect(valuesSent(simulation)).toEqual(valuesInOrder(letters))
  })

  test('takes letters of Kafka Streams, which have the six headers of KIP-1034', async () => {
    const letters = someLetters(12).map((letter) => ({ ...letter, failedAtMs: 0 }))
    using simulation = withLetters(letters)
    expect(await redriven(simulation)).toMatchObject({ redriven: 12 })
    expect(valuesSent(simulation)).toEqual(valuesInOrder(letters))
  })

  test('sends nothing twice, and what has come since', async () => {
    const letters = someLetters(30)
    using simulation = withLetters(letters.slice(0, 20))
    await redriven(simulation)
    putLetters(simulation, letters.slice(20))
    expect(await redriven(simulation)).toMatchObject({ redriven: 10, earlier: 0 })
    expect(await redriven(simulation)).toMatchObject({ redriven: 0, earlier: 0 })
    expect(valuesSent(simulation)).toEqual(valuesInOrder(letters))
  })

  test('of another id knows nothing of the first', async () => {
    using simulation = withLetters(someLetters(5))
    await redriven(simulation)
    const second = await redriven(simulation, { id: 'again' })
    expect(second).toMatchObject({ redriven: 5, group: 'orders.dead-letters-redrive-again' })
    expect(sent(simulation).flat()).toHaveLength(10)
  })

  test('does not meet letters that come while it runs', async () => {
    using simulation = withLetters(someLetters(4))
    const { clock } = simulation
    let late = false
    const summary = await redriven(simulation, {
      rate: 1,
      onProgress: () => {
        if (!late) putLetters(simulation, someLetters(9).slice(4))
        late = true
      },
    })
    expect(summary).toMatchObject({ redriven: 4 })
    expect(clock.nowMs()).toBeGreaterThanOrEqual(START_MS + 3_000)
  })
})

describe('filters', () => {
  const letters = someLetters(30).map((letter, nth) => ({
    ...letter,
    error: nth % 3 === 0 ? 'TypeError' : 'RangeError',
  }))
  const ofType = (error: string): readonly Letter[] =>
    letters.filter((letter) => letter.error === error)

  test('leave letters out, for a later run to send, none of them twice', async () => {
    using simulation = withLetters(letters)
    const first = await redriven(simulation, { filter: { error: 'TypeError' } })
    expect(first).toMatchObject({ redriven: 10, others: 20 })
    expect(valuesSent(simulation)).toEqual(valuesInOrder(ofType('TypeError')))
    const rest = await redriven(simulation)
    expect(rest).toMatchObject({ redriven: 20, others: 0 })
    const all = valuesSent(simulation).flat()
    expect(all.toSorted()).toEqual(letters.map(({ value }) => value).toSorted())
  })

  test('look at the topic, the step, a header, and whatever a function looks at', async () => {
    using simulation = withLetters(letters)
    const counted = async (filter: Parameters<typeof redriven>[1]): Promise<number> =>
      (await redriven(simulation, { ...filter, dryRun: true })).redriven
    expect(await counted({ filter: { topic: 'payments' } })).toBe(0)
    expect(await counted({ filter: { node: 'map-values-1' } })).toBe(30)
    expect(await counted({ filter: { header: { name: 'trace' } } })).toBe(30)
    expect(await counted({ filter: { header: { name: 'trace', value: 't-7' } } })).toBe(1)
    expect(await counted({ filter: { where: ({ key }) => textOf(key) === 'order-3' } })).toBe(4)
  })

  test('may count what they leave out as done with', async () => {
    using simulation = withLetters(letters)
    await redriven(simulation, { filter: { error: 'TypeError' }, passOthers: true })
    expect(await redriven(simulation)).toMatchObject({ redriven: 0, others: 0, earlier: 0 })
    expect(valuesSent(simulation)).toEqual(valuesInOrder(ofType('TypeError')))
  })

  test('that throw send nothing of what they have not let through', async () => {
    using simulation = withLetters(letters)
    let asked = 0
    const where = (): boolean => {
      asked += 1
      if (asked === 10) throw new Error('what is this?')
      return true
    }
    await expect(redriven(simulation, { filter: { where } })).rejects.toThrow('what is this?')
    expect(sent(simulation).flat()).toEqual([])
  })
})

describe('limits', () => {
  test('of the number are kept, and the next run goes on', async () => {
    const letters = someLetters(25)
    using simulation = withLetters(letters)
    for (const expected of [10, 10, 5, 0]) {
      expect(await redriven(simulation, { limit: 10 })).toMatchObject({ redriven: expected })
    }
    expect(valuesSent(simulation)).toEqual(valuesInOrder(letters))
    expect(await redriven(simulation, { limit: 0 })).toMatchObject({ redriven: 0 })
  })

  test('of the rate are kept', async () => {
    using simulation = withLetters(someLetters(50))
    const { clock } = simulation
    const times: (readonly [count: number, atMs: number])[] = []
    await redriven(simulation, {
      rate: 5,
      onProgress: ({ redriven }) => times.push([redriven, clock.nowMs() - START_MS]),
    })
    for (const [count, atMs] of times) expect(atMs).toBeGreaterThanOrEqual((count - 5) * 200)
    expect(times.at(-1)?.[0]).toBe(50)
    expect(times.at(-1)?.[1]).toBeLessThan(10_000)
  })

  test('a dry run says what would be sent, and asks Kafka for nothing but to read', async () => {
    using simulation = withLetters(someLetters(12))
    expect(await redriven(simulation, { dryRun: true, limit: 5 })).toMatchObject({ redriven: 5 })
    const apis = new Set(simulation.cluster.faults.requests.map(({ api }) => api))
    expect([...apis].toSorted()).toEqual(['fetch', 'listOffsets', 'metadata', 'offsetFetch'])
  })

  test('a signal ends it after what is being sent', async () => {
    const letters = someLetters(20)
    using simulation = withLetters(letters)
    const ending = new AbortController()
    const { signal } = ending
    const onProgress = (): void => ending.abort()
    expect(await redriven(simulation, { rate: 4, signal, onProgress })).toMatchObject({
      redriven: 4,
    })
    await redriven(simulation)
    expect(valuesSent(simulation)).toEqual(valuesInOrder(letters))
  })
})

describe('letters that cannot be sent', () => {
  test('are refused when they were sent too often, and left where they are', async () => {
    const letters = someLetters(8).map((letter, nth) => ({ ...letter, redrives: nth % 4 }))
    using simulation = withLetters(letters)
    const summary = await redriven(simulation)
    expect(summary).toMatchObject({ redriven: 6, refused: { 'sent too often': 2 } })
    const attempts = sent(simulation).flat().map(attemptsOf)
    expect(attempts.toSorted()).toEqual(['1', '1', '2', '2', '3', '3'])
    expect(await redriven(simulation, { redrivesMax: 4 })).toMatchObject({ redriven: 2 })
  })

  test('are refused when they do not say where they came from, or it is gone', async () => {
    const [first, second, third, fourth] = someLetters(4) as [Letter, Letter, Letter, Letter]
    const letters = [
      { ...first, topic: '' },
      { ...second, partition: -1 },
      { ...third, topic: 'deleted' },
      { ...fourth, partition: 17 },
    ]
    using simulation = withLetters(letters)
    expect(await redriven(simulation)).toMatchObject({
      redriven: 0,
      refused: { 'no source': 2, 'source is gone': 2 },
    })
  })

  test('that retention has taken are not waited for', async () => {
    const letters = someLetters(20)
    using simulation = withLetters(letters)
    await redriven(simulation, { filter: { where: ({ at }) => at.offset > 5 } })
    for (const partition of [0, 1]) simulation.cluster.deleteRecordsBefore(DEAD, partition, 5)
    expect(await redriven(simulation)).toMatchObject({ redriven: 2 })
  })
})

test('a topic that is not there is said at once', async () => {
  using simulation = withLetters([])
  simulation.cluster.createTopic('another', 1)
  await simulation.clock.run(async () => {
    const port = await simulation.connect('admin')
    await port.deleteTopics([DEAD])
  })
  await expect(redriven(simulation)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
})
