import { expect, test } from 'vitest'
import type { TopicSpec } from '../port.ts'
import { simulate, type Simulation } from './client.fixtures.ts'
import { ensureTopics } from './topics.ts'

const spec = (name: string, configs: Readonly<Record<string, string>> = {}): TopicSpec => ({
  name,
  partitions: 2,
  replicationFactor: -1,
  configs,
})

async function ensure({ clock, connect }: Simulation, specs: readonly TopicSpec[]) {
  const port = await connect('starter')
  return await clock.run(() => ensureTopics(port, clock, specs))
}

test('missing topics are created as they are asked for', async () => {
  using simulation = simulate()
  simulation.cluster.createTopic('there', 2)
  expect(
    await ensure(simulation, [spec('there'), spec('new', { 'retention.ms': '60000' })]),
  ).toEqual({ created: ['new'], differences: [] })
  const port = await simulation.connect('other')
  expect((await port.metadata(['new'])).get('new')?.partitions.length).toBe(2)
  expect((await port.describeConfigs(['new'])).get('new')?.['retention.ms']).toBe('60000')
})

test('a topic that is there with other partitions or settings is reported, not altered', async () => {
  using simulation = simulate()
  simulation.cluster.createTopic('counts', 3, {
    'cleanup.policy': 'delete,compact',
    'retention.ms': '1000',
  })
  const configs = { 'cleanup.policy': 'compact,delete', 'retention.ms': '60000' }
  expect(await ensure(simulation, [spec('counts', configs)])).toEqual({
    created: [],
    differences: [
      { topic: 'counts', what: 'partitions', wanted: 2, actual: 3 },
      { topic: 'counts', what: 'config', name: 'retention.ms', wanted: '60000', actual: '1000' },
    ],
  })
})

test('two that create the same topics at the same time both go on', async () => {
  using simulation = simulate()
  const specs = [spec('a'), spec('b')]
  const [one, two] = [await simulation.connect('one'), await simulation.connect('two')]
  const results = await simulation.clock.run(() =>
    Promise.all([
      ensureTopics(one, simulation.clock, specs),
      ensureTopics(two, simulation.clock, specs),
    ]),
  )
  expect(results.flatMap(({ created }) => created)).toEqual(['a', 'b'])
  expect(results.flatMap(({ differences }) => differences)).toEqual([])
})

test('a lost answer to the creation is not an error', async () => {
  using simulation = simulate()
  simulation.cluster.faults.loseReply(({ api }) => api === 'createTopics')
  expect(await ensure(simulation, [spec('a')])).toEqual({ created: [], differences: [] })
})

test('a refusal is passed on', async () => {
  using simulation = simulate()
  simulation.cluster.faults.refuse(
    ({ api }) => api === 'createTopics',
    'TOPIC_AUTHORIZATION_FAILED',
  )
  await expect(ensure(simulation, [spec('a')])).rejects.toMatchObject({
    code: 'TOPIC_AUTHORIZATION_FAILED',
  })
})
