import { bytes, json, keyValueStore, string, topic, topology } from 'millrace'

/**
 * The workloads as one program that takes everything from the environment, like the programs it is
 * compared with: `BENCH_WORKLOAD`, `BENCH_IN`, `BENCH_OUT`, `BENCH_APP` and `BENCH_STORE`.
 */
const setting = (name: string): string => {
  const value = process.env[name]
  if (value !== undefined) return value
  throw new Error(`set ${name}`)
}

const workload = setting('BENCH_WORKLOAD')
const outTopic = setting('BENCH_OUT')
const backend = process.env['BENCH_STORE'] === 'memory' ? 'memory' : 'lmdb'

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
  } else {
    throw new Error(`this program does not do ${workload}`)
  }
})
