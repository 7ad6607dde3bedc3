import {
  bytes,
  json,
  keyValueStore,
  string,
  topic,
  topology,
  tumbling,
  type FixedKeyProcessor,
} from 'millrace'

/**
 * The workloads as one program that takes everything from the environment, like the programs it is
 * compared with: `BENCH_WORKLOAD`, `BENCH_IN`, `BENCH_IN2`, `BENCH_OUT`, `BENCH_APP` and
 * `BENCH_STORE`.
 */
const setting = (name: string): string => {
  const value = process.env[name]
  if (value !== undefined) return value
  throw new Error(`set ${name}`)
}

const workload = setting('BENCH_WORKLOAD')
const outTopic = setting('BENCH_OUT')
const backend = process.env['BENCH_STORE'] === 'memory' ? 'memory' : 'lmdb'

interface Order {
  readonly amount: number
}

interface Total {
  readonly count: number
  readonly sum: number
}

const remembering: FixedKeyProcessor<string, string, string> = {
  process: (record, context) => {
    const rows = context.store<string, string>('last')
    const before = rows.get(record.key)
    rows.put(record.key, record.value)
    context.forward({ ...record, value: before ?? 'null' })
  },
}

export default topology(setting('BENCH_APP'), (builder) => {
  if (workload === 'W0') {
    // Parsed and serialised as a generic object.
    const input = topic(setting('BENCH_IN'), { key: bytes, value: json<object>() })
    const output = topic(outTopic, { key: bytes, value: json<object>() })
    builder
      .stream(input)
      .mapValues((value) => Object.assign(value, { processed: true }))
      .to(output)
  } else if (workload === 'W1' || workload === 'W2') {
    // Counted by key; the value is not decoded.
    const input = topic(setting('BENCH_IN'), { key: string, value: bytes })
    const output = topic(outTopic, { key: string, value: json<number>() })
    builder
      .stream(input)
      .groupByKey()
      .count({ store: keyValueStore('counts', { key: string, value: json<number>(), backend }) })
      .toStream()
      .to(output)
  } else if (workload === 'W3') {
    // How many orders of how much a customer has in each five minutes.
    const input = topic(setting('BENCH_IN'), { key: string, value: json<Order>() })
    const output = topic(outTopic, { key: string, value: json<Total & { windowStart: number }>() })
    builder
      .stream(input)
      .groupByKey()
      .windowedBy(tumbling('5m', { grace: '0ms' }))
      .aggregate<Total>(
        () => ({ count: 0, sum: 0 }),
        ({ amount }, { count, sum }) => ({ count: count + 1, sum: sum + amount }),
        { store: { name: 'windows', backend } },
      )
      .toStream()
      .map((total, { key }) => [key.key, { windowStart: key.window.startMs, ...total! }])
      .to(output)
  } else if (workload === 'W4') {
    // Orders and payments merged, at most five minutes apart.
    const order = topic(setting('BENCH_IN'), { key: string, value: json<object>() })
    const payment = topic(setting('BENCH_IN2'), { key: string, value: json<object>() })
    const output = topic(outTopic, { key: string, value: json<object>() })
    builder
      .stream(order)
      .join(builder.stream(payment), (one, other) => ({ ...one, ...other }), {
        within: '5m',
        grace: '1m',
        store: { name: 'order-payment', backend },
      })
      .to(output)
  } else if (workload === 'W5') {
    // The value that a key had before, or the word null.
    const input = topic(setting('BENCH_IN'), { key: string, value: string })
    const output = topic(outTopic, { key: string, value: string })
    const last = keyValueStore('last', { key: string, value: string, backend })
    builder
      .stream(input)
      .processValues(remembering, { name: 'remember', stores: [last] })
      .to(output)
  } else {
    throw new Error(`this program does not do ${workload}`)
  }
})
