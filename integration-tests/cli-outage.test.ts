/** `millrace run` when its Kafka goes away: a Kafka of the test's own, to be killed and frozen. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafka } from '../src/dev/kafka.ts'
import type { RunningKafka } from '../src/dev/running-kafka.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Running } from './support/millrace-command.ts'

const RUNNING = 'application running'
let kafka: RunningKafka

beforeAll(async () => {
  kafka = await startKafka({ own: true })
})
afterAll(() => kafka.stop())

/** An application that copies a topic and runs. */
async function copying(name: string): Promise<{ project: Project; app: Running }> {
  const project = new Project({
    'copying.ts': `
      import { bytes, topic, topology } from 'millrace'
      const serdes = { key: bytes, value: bytes }
      export default topology('${name}', (builder) => {
        builder.stream(topic('${name}.in', serdes)).to(topic('${name}.out', serdes))
      })`,
  })
  await using port = await connectTo(kafka.brokers)
  await createTopics(port, [`${name}.in`, `${name}.out`], 1)
  const args = ['--brokers', kafka.brokers.join(','), '--session-timeout', '6s']
  const app = project.start(['run', 'copying.ts', ...args])
  await app.says(RUNNING)
  return { project, app }
}

const times = (text: string, words: string): number => text.split(words).length - 1

test('a broker that is killed and comes back: the application survives and goes on', async () => {
  const name = uniqueName()
  const { project, app: started } = await copying(name)
  using _ = project
  await using app = started
  await kafka.killBroker(0)
  await app.says('our generation of the group is gone')
  await kafka.startBroker(0)
  await expect.poll(() => times(app.stdout(), RUNNING), { timeout: 60_000 }).toBe(2)
  await using port = await connectTo(kafka.brokers)
  await write(port, `${name}.in`, [['key', 'after the outage']])
  const end = async (): Promise<number | null | undefined> =>
    (await port.listOffsets([{ topic: `${name}.out`, partition: 0 }], 'latest', 'read_committed'))
      .values()
      .next().value
  // A record and the marker of its transaction.
  await expect.poll(end, { timeout: 30_000 }).toBe(2)
  app.signal('SIGTERM')
  expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
  // An outage is told, not repeated for as long as it lasts.
  expect(times(app.stdout(), '"level":40')).toBeLessThan(10)
})

test('SIGTERM without a Kafka is a clean stop still: what is not committed is done again', async () => {
  const { project, app: started } = await copying(uniqueName())
  using _ = project
  await using app = started
  await kafka.killBroker(0)
  app.signal('SIGTERM')
  expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
  await kafka.startBroker(0)
})

test('a second Ctrl-C ends it at once, when Kafka does not answer the first', async () => {
  const { project, app: started } = await copying(uniqueName())
  using _ = project
  await using app = started
  await kafka.freezeBroker(0)
  app.signal('SIGINT')
  await app.says('application pending-shutdown')
  // Not so soon that it may be the same Ctrl-C, passed on by somebody else.
  await new Promise((resolve) => {
    setTimeout(resolve, 300)
  })
  app.signal('SIGINT')
  expect(await app.finished).toMatchObject({
    code: 130,
    stderr: 'a second SIGINT: ended at once, what is not committed will be done again\n',
  })
  await kafka.thawBroker(0)
})
