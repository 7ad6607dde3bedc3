import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

const visits = topic('visits', { key: string, value: json<number>() })
const counts = topic('counts', { key: string, value: json<number>() })

const visiting = (clock: 'event-time' | 'wall-clock') =>
  topology('visiting', (builder) => {
    const store = keyValueStore('visits-by-user', {
      key: string,
      value: json<number>(),
      ttl: { after: '1m', clock },
    })
    builder.stream(visits).groupByKey().count({ store }).toStream().to(counts)
  })

describe('a store with a time to live', () => {
  test('by event time: a row is gone when stream time is past its record by so much', async () => {
    await using driver = new TopologyTestDriver(visiting('event-time'))
    const visit = (user: string, timestampMs: number) =>
      driver.input(visits).send(user, 1, { timestampMs })
    const store = driver.store<string, number>('visits-by-user')
    await visit('ada', 1_000)
    await visit('ada', 60_999)
    expect(store.get('ada')).toBe(2)
    await visit('bob', 120_998)
    expect(store.get('ada')).toBe(2)
    expect([...store.all()]).toEqual([
      ['ada', 2],
      ['bob', 1],
    ])
    await visit('bob', 120_999)
    expect(store.get('ada')).toBeUndefined()
    expect([...store.all()]).toEqual([['bob', 2]])
    await visit('ada', 121_000)
    expect(driver.output(counts).values()).toEqual([1, 2, 1, 2, 1])
  })

  test('by the wall clock: a row is gone so long after it was put', async () => {
    await using driver = new TopologyTestDriver(visiting('wall-clock'), { startMs: 1_000_000 })
    const store = driver.store<string, number>('visits-by-user')
    await driver.input(visits).send('ada', 1, { timestampMs: 5 })
    await driver.advanceTime('59s')
    expect(store.get('ada')).toBe(1)
    await driver.advanceTime('1s')
    expect(store.get('ada')).toBeUndefined()
    await driver.input(visits).send('ada', 1, { timestampMs: 5 })
    expect(store.getWithTimestamp('ada')).toEqual({ value: 1, timestampMs: 1_060_000 })
  })

  test('keeps little more than what has not expired, and deletes in the changelog too', async () => {
    await using driver = new TopologyTestDriver(visiting('event-time'))
    for (let user = 0; user < 5_000; user += 1) {
      await driver.input(visits).send(`user-${user}`, 1, { timestampMs: user * 1_000 })
    }
    const store = driver.store<string, number>('visits-by-user')
    expect([...store.all()]).toHaveLength(60)
    expect(store.approximateCount()).toBeLessThan(400)
    const changelog = topic('visiting-visits-by-user-changelog', counts)
    const tombstones = driver
      .output(changelog)
      .values()
      .filter((value) => value === null)
    expect(tombstones.length).toBeGreaterThan(4_600)
  })

  test('that makes no sense is refused', () => {
    const store = (ttl: object) =>
      keyValueStore('rows', { key: string, value: string, ttl: ttl as never })
    const refused = expect.objectContaining({ code: 'INVALID_TOPOLOGY' }) as Error
    expect(() => store({ after: '0ms', clock: 'event-time' })).toThrow(refused)
    expect(() => store({ after: '1h' })).toThrow(refused)
  })
})
