/** Two processes on a real Kafka answer for each other, and for one that is killed. */
import { expect, inject, test } from 'vitest'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Running } from './support/millrace-command.ts'

const brokers = inject('kafkaBrokers')

const counting = (name: string): string => `
  import { json, string, topic, topology } from 'millrace'
  const clicks = topic('${name}.clicks', { key: string, value: json<number>() })
  export default topology('${name}', (builder) => {
    builder.stream(clicks).groupByKey().count({ store: 'counts' })
  })`

const pages = Array.from({ length: 24 }, (_, index) => `page-${String(index).padStart(2, '0')}`)
/** Each was clicked once more than the one before. */
const counts = new Map(pages.map((page, index) => [page, index + 1]))

interface Instance {
  readonly app: Running
  readonly url: string
}

type Answer = readonly [status: number, body: unknown]

const ask = async (url: string): Promise<Answer> => {
  const response = await fetch(url)
  return [response.status, await response.json()]
}

async function started(app: Running): Promise<Instance> {
  await app.says('health and metrics are served')
  const url = /"url":"([^"]+)"/.exec(app.stdout())?.[1]
  if (url === undefined) throw new Error(app.stdout())
  return { app, url }
}

const right = (page: string): Answer => [200, { key: page, value: counts.get(page) }]

const inOrder = pages.map((page) => ({ key: page, value: counts.get(page) }))

const unavailable = [503, { error: { code: 'STORE_UNAVAILABLE' } }]

const answersFor = (url: string, query = ''): Promise<readonly Answer[]> =>
  Promise.all(pages.map((page) => ask(`${url}/stores/counts/${page}${query}`)))

test('either process answers for every key, and the survivor does after a kill', async () => {
  const name = uniqueName()
  await using port = await connectTo(brokers)
  await createTopics(port, [`${name}.clicks`], 4)
  using project = new Project({ 'counting.ts': counting(name) })
  const start = (stateDir: string): Running =>
    project.start([
      ...['run', 'counting.ts', '--brokers', brokers.join(','), '--log-format', 'json'],
      ...['--http', '127.0.0.1:0', '--application-server', '127.0.0.1'],
      ...['--session-timeout', '6s', '--standbys', '1', '--state-dir', stateDir],
    ])
  await using first = start('first')
  await using second = start('second')
  const [a, b] = [await started(first), await started(second)]
  await write(
    port,
    `${name}.clicks`,
    [...counts].flatMap(([page, clicks]) => Array.from({ length: clicks }, () => [page, '1'])),
  )

  // Both have tasks, and whoever is asked knows all.
  const shares = async ({ url }: Instance): Promise<readonly number[]> => {
    const [, instances] = await ask(`${url}/instances`)
    return (instances as readonly { active: unknown[] }[]).map(({ active }) => active.length)
  }
  for (const instance of [a, b]) {
    await expect.poll(() => shares(instance), { timeout: 30_000 }).toEqual([2, 2])
    const { url } = instance
    const all = (): Promise<readonly Answer[]> => answersFor(url)
    await expect.poll(all, { timeout: 30_000 }).toEqual(pages.map(right))
    expect(await ask(`${url}/stores/counts`)).toEqual([200, { rows: inOrder, complete: true }])
  }

  // A copy of what the other runs is as good, once it has caught up.
  const ofB = await pagesOf(b)
  const copies = async (): Promise<readonly Answer[]> =>
    Promise.all(ofB.map((page) => ask(`${a.url}/stores/counts/${page}?standby=true`)))
  const stale = { stale: { lag: 0 } }
  const copied = ofB.map((page) => [200, { key: page, value: counts.get(page), ...stale }])
  await expect.poll(copies, { timeout: 30_000 }).toEqual(copied)

  b.app.signal('SIGKILL')
  await b.app.finished
  // Nobody has these keys now: that is said, and nothing else is. The copies still answer.
  const range = ask(`${a.url}/stores/counts`)
  const values = Promise.all(ofB.map((page) => ask(`${a.url}/stores/counts/${page}`)))
  expect(await copies()).toEqual(copied)
  expect(await range).toMatchObject(unavailable)
  for (const answer of await values) expect(answer).toMatchObject(unavailable)

  // Right, or an error, until the survivor has taken over.
  const settled = async (): Promise<boolean> => {
    const answers = await answersFor(a.url)
    for (const [index, answer] of answers.entries()) {
      if (answer[0] === 200) expect(answer).toEqual(right(pages[index] as string))
      else expect(answer).toMatchObject(unavailable)
    }
    return answers.every(([status]) => status === 200)
  }
  await expect.poll(settled, { timeout: 60_000 }).toBe(true)
  expect(await ask(`${a.url}/stores/counts`)).toEqual([200, { rows: inOrder, complete: true }])

  /** Keys that an instance has itself. */
  async function pagesOf({ url }: Instance): Promise<readonly string[]> {
    const local = await answersFor(url, '?local=true')
    return pages.filter((_, index) => local[index]?.[0] === 200)
  }
})
