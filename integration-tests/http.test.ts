/** `millrace run --http` on a real Kafka: health, metrics and state of a process at work. */
import { expect, inject, test } from 'vitest'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Running } from './support/millrace-command.ts'

const brokers = inject('kafkaBrokers')

/** Counts clicks by page; a click of value 3 holds its thread up for ever. */
const counting = (name: string): string => `
  import { json, string, topic, topology } from 'millrace'
  const clicks = topic('${name}.clicks', { key: string, value: json<number>() })
  export default topology('${name}', (builder) => {
    builder
      .stream(clicks)
      .peek((value) => { while (value === 3) {} })
      .groupByKey()
      .count({ store: 'counts' })
  })`

/** Where the process says that it serves. */
async function urlOf(app: Running): Promise<string> {
  await app.says('health and metrics are served')
  const url = /"url":"([^"]+)"/.exec(app.stdout())?.[1]
  if (url === undefined) throw new Error(app.stdout())
  return url
}

const ask = async (url: string): Promise<readonly [number, string]> => {
  const response = await fetch(url)
  return [response.status, await response.text()]
}

test('a process tells its health, metrics and state, and no longer than it works', async () => {
  const name = uniqueName()
  await using port = await connectTo(brokers)
  await createTopics(port, [`${name}.clicks`], 2)
  using project = new Project({ 'counting.ts': counting(name) })
  const args = ['run', 'counting.ts', '--brokers', brokers.join(','), '--log-format', 'json']
  await using app = project.start([...args, '--http', '127.0.0.1:0', '--stuck-after', '2s'])
  const url = await urlOf(app)
  await app.says('application running')
  expect((await ask(`${url}/health/ready`))[0]).toBe(200)
  await write(port, `${name}.clicks`, [
    ['a', '1'],
    ['b', '2'],
  ])
  const isProcessed = async (): Promise<boolean> =>
    (await ask(`${url}/metrics`))[1].includes(
      'kafka_streams_stream_thread_metrics_process_total{thread_id="0"} 2\n',
    )
  await expect.poll(isProcessed, { timeout: 30_000 }).toBe(true)
  // Of the process and its disk, which no simulated thread has.
  const told = (await ask(`${url}/metrics`))[1]
  expect(told).toMatch(/^process_resident_memory_bytes [1-9]\d{6,}$/m)
  expect(told).toMatch(/^millrace_thread_heap_bytes\{thread_id="0"\} [1-9]\d{5,}$/m)
  expect(told).toMatch(/^millrace_state_disk_bytes\{thread_id="0",task_id="0_0"\} [1-9]\d{3,}$/m)
  const [status, text] = await ask(`${url}/state`)
  expect([status, JSON.parse(text)]).toMatchObject([
    200,
    { applicationId: name, state: 'running', threads: [{ thread: 0, state: 'running' }] },
  ])
  expect(await ask(`${url}/health/live`)).toEqual([
    200,
    '{"ok":true,"state":"running","problems":[]}\n',
  ])

  expect(await ask(`${url}/stores/counts/a`)).toEqual([200, '{"key":"a","value":1}\n'])
  expect(await ask(`${url}/stores/counts`)).toEqual([
    200,
    '{"rows":[{"key":"a","value":1},{"key":"b","value":1}],"complete":true}\n',
  ])

  const second = await project.millrace([...args, '--http', new URL(url).host, '--state-dir', 'b'])
  expect(second.code).toBe(2)
  expect(second.stderr).toContain('error HTTP_ADDRESS_UNUSABLE: HTTP cannot be served at')

  await write(port, `${name}.clicks`, [['c', '3']])
  const live = async (): Promise<readonly [number, string]> => ask(`${url}/health/live`)
  await expect.poll(async () => (await live())[0], { timeout: 30_000 }).toBe(503)
  expect((await live())[1]).toContain('thread 0 has not answered for')
  // What it could not ask the thread for is left out.
  expect(JSON.parse((await ask(`${url}/state`))[1])).toMatchObject({ threads: [] })

  app.signal('SIGTERM')
  await app.says('application pending-shutdown')
  expect(await ask(`${url}/health/ready`)).toEqual([
    503,
    expect.stringContaining('the application is pending-shutdown, not running'),
  ])
})
