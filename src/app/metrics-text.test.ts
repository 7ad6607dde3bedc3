/** What each metric means, read off threads on the simulated cluster. */
import { expect, test } from 'vitest'
import { deadLetters, json, string, topic, topology, tumbling } from 'millrace'
import type { Life } from '../runtime/life.fixtures.ts'
import { Disk, Simulation, START_MS } from '../runtime/simulation.fixtures.ts'
import { metricsText } from './metrics-text.ts'

const clicks = topic('clicks', { key: string, value: json<number>() })
const totals = topic('totals', { key: string, value: json<number>() })

const counting = topology('counting', { deadLetters: deadLetters('failed') }, (builder) => {
  const numbers = builder.stream(clicks).mapValues((value) => {
    if (value < 0) throw new Error('below zero')
    return value
  })
  numbers.groupByKey().count({ store: 'counts' }).toStream().to(totals)
  numbers
    .groupByKey()
    .windowedBy(tumbling('1s', { grace: '0s' }))
    .count({ store: 'per-second' })
})

/** By name and labels, as they are written. */
function samples(text: string): Readonly<Record<string, number>> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

const metricsOf = (lives: readonly Life[]): string =>
  metricsText({
    applicationId: 'counting',
    state: 'running',
    threads: lives.map(({ thread }) => thread.snapshot()),
    aliveThreads: lives.length,
    failedThreads: 1,
    isPaused: false,
    process: { residentBytes: 1_000, cpuSeconds: 2 },
  })

async function play(scene: (simulation: Simulation) => Promise<void>): Promise<void> {
  using simulation = new Simulation()
  for (const name of ['clicks', 'totals', 'failed']) simulation.cluster.createTopic(name, 1)
  await simulation.clock.run(() => scene(simulation))
}

const click = (key: string | null, value: number, timestampMs = START_MS - 60_000) => ({
  topic: 'clicks',
  key,
  value: JSON.stringify(value),
  timestampMs,
})

const running = (simulation: Simulation, life: Life): Promise<void> =>
  simulation.until(() => life.thread.state === 'running', 'it runs')

test('records are counted by what becomes of them', async () => {
  await play(async (simulation) => {
    const life = simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await running(simulation, life)
    // Two for both counts, one that fails, one without a key, and one for a window that is closed.
    const late = click('b', 5, START_MS - 120_000)
    simulation.write([click('a', 1), click('a', 2), click('a', -1), click(null, 4), late], 1)
    await simulation.until(() => simulation.hasCommitted('counting', ['clicks'], 1), 'committed')
    const thread = '{thread_id="0"}'
    const task = '{thread_id="0",task_id="0_0"}'
    expect(samples(metricsOf([life]))).toMatchObject({
      [`kafka_streams_stream_thread_metrics_process_total${thread}`]: 5,
      [`kafka_streams_stream_thread_metrics_process_rate${thread}`]: 5 / 30,
      // The key is missing to both aggregations.
      [`kafka_streams_stream_task_metrics_dropped_records_total${task}`]: 3,
      [`kafka_streams_stream_task_metrics_process_total${task}`]: 5,
      // What came too late lay a minute behind, the others were in order.
      [`kafka_streams_stream_task_metrics_record_lateness_max${task}`]: 60_000,
      [`kafka_streams_stream_task_metrics_record_lateness_avg${task}`]: 12_000,
      [`millrace_late_records_total${thread}`]: 1,
      'millrace_dead_letters_total{thread_id="0",topic="clicks",error_code="PROCESSING_FAILED"}': 1,
      [`millrace_rate_limited_records_total${thread}`]: 0,
      [`millrace_skipped_records_total${thread}`]: 0,
      [`millrace_retries_total${thread}`]: 0,
      [`millrace_migrations_total${thread}`]: 0,
      'kafka_streams_stream_state_metrics_estimate_num_keys{thread_id="0",task_id="0_0",store="counts",kind="key-value"}': 2,
      'kafka_consumer_fetch_manager_metrics_records_lag{thread_id="0",task_id="0_0",topic="clicks",partition="0"}': 0,
      'millrace_tasks{thread_id="0",state="running"}': 1,
      'millrace_tasks{thread_id="0",state="restoring"}': 0,
      'kafka_streams_stream_metrics_client_state{application_id="counting",state="running"}': 1,
      kafka_streams_stream_metrics_alive_stream_threads: 1,
    })
    await simulation.stopAll()
  })
})

test('a commit is counted and timed, and the loop comes round', async () => {
  await play(async (simulation) => {
    const life = simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await running(simulation, life)
    const thread = '{thread_id="0"}'
    const commits = (): number =>
      samples(metricsOf([life]))[`kafka_streams_stream_thread_metrics_commit_total${thread}`] ?? 0
    const before = commits()
    const { clock, cluster } = simulation
    const late = (ms: number) => clock.sleep(ms).then(() => undefined)
    cluster.faults.onRequest(({ api }) => api === 'endTxn', { before: () => late(70) })
    simulation.write([click('a', 1)], 1)
    await simulation.until(() => commits() === before + 1, 'it has committed')
    const found = samples(metricsOf([life]))
    const of = (name: string): number =>
      found[`kafka_streams_stream_thread_metrics_${name}${thread}`] ?? NaN
    expect(of('commit_rate')).toBeCloseTo((before + 1) / 30, 5)
    expect(of('commit_latency_max')).toBe(70)
    expect(of('commit_latency_avg')).toBeCloseTo(70 / (before + 1), 5)
    expect(of('poll_total')).toBeGreaterThan(before)
    expect(found[`millrace_thread_since_turn_ms${thread}`]).toBeLessThan(200)
    await simulation.stopAll()
  })
})

test('lag is what is committed and not processed; an outage ends as a migration', async () => {
  await play(async (simulation) => {
    const life = simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await running(simulation, life)
    simulation.write([click('a', 1)], 1)
    await simulation.until(() => simulation.hasCommitted('counting', ['clicks'], 1), 'committed')
    const found = simulation.cluster.faults.loseRequest(({ api }) => api === 'endTxn', Infinity)
    simulation.write([click('a', 2)], 1)
    const migrations = (): number =>
      samples(metricsOf([life]))['millrace_migrations_total{thread_id="0"}'] ?? 0
    await simulation.until(() => migrations() > 0, 'work is abandoned')
    found()
    await simulation.until(() => simulation.hasCommitted('counting', ['clicks'], 1), 'committed')
    await simulation.stopAll()
  })
})

test('what is restored is counted, and what is left is told by store', async () => {
  await play(async (simulation) => {
    const first = simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await running(simulation, first)
    simulation.write(
      Array.from({ length: 50 }, (_, i) => click(`key-${i}`, i)),
      1,
    )
    await simulation.until(() => simulation.hasCommitted('counting', ['clicks'], 1), 'committed')
    await simulation.stopAll()
    const { clock, cluster } = simulation
    const late = (ms: number) => clock.sleep(ms).then(() => undefined)
    cluster.faults.onRequest(({ api }) => api === 'fetch', { before: () => late(100) })
    const next = simulation.start({ topology: counting, disk: new Disk(), clientId: 'two' })
    const remaining: number[] = []
    const remainingName =
      'kafka_streams_stream_task_metrics_restore_remaining_records_total{thread_id="0",task_id="0_0",store="counts",topic="counting-counts-changelog",partition="0"}'
    await simulation.until(
      () => {
        const left = samples(metricsOf([next]))[remainingName]
        if (left !== undefined) remaining.push(left)
        return next.thread.state === 'running'
      },
      'it runs',
      1,
    )
    expect(remaining[0]).toBeGreaterThanOrEqual(50)
    const found = samples(metricsOf([next]))
    expect(found[remainingName]).toBeUndefined()
    expect(
      found['kafka_streams_stream_task_metrics_restore_total{thread_id="0"}'],
    ).toBeGreaterThanOrEqual(100)
    // Of a sample's 30 s, as any rate.
    expect(found['kafka_streams_stream_task_metrics_restore_rate{thread_id="0"}']).toBeCloseTo(
      (found['kafka_streams_stream_task_metrics_restore_total{thread_id="0"}'] ?? 0) / 30,
      5,
    )
    await next.stop()
  })
})

test('steps are counted, and what comes to sources and ends is timed', async () => {
  await play(async (simulation) => {
    const life = simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await running(simulation, life)
    const [old, recent] = [START_MS - 60_000, START_MS - 1_000]
    simulation.write([click('a', 1, old), click('a', 2, recent), click('a', -1, recent)], 1)
    await simulation.until(() => simulation.hasCommitted('counting', ['clicks'], 1), 'committed')
    const found = samples(metricsOf([life]))
    const of = (node: string, name: string): number | undefined =>
      found[
        `kafka_streams_stream_processor_node_metrics_${name}{thread_id="0",task_id="0_0",processor_node_id="${node}"}`
      ]
    const nodes = ['source(clicks)', 'map-values-1', 'count(counts)', 'sink(totals)']
    expect(nodes.map((node) => of(node, 'process_total'))).toEqual([3, 3, 2, 2])
    // Nothing is measured in the middle.
    expect(of('map-values-1', 'record_e2e_latency_max')).toBeUndefined()
    for (const node of ['source(clicks)', 'sink(totals)', 'count(per-second)']) {
      const [least, most] = [of(node, 'record_e2e_latency_min'), of(node, 'record_e2e_latency_max')]
      expect(least).toBeGreaterThanOrEqual(1_000)
      expect(most! - least!).toBe(59_000)
      expect(of(node, 'record_e2e_latency_avg')).toBeGreaterThan(least!)
    }
    const store = '{thread_id="0",task_id="0_0",store="counts",kind="key-value"}'
    expect(found[`millrace_store_cache_hits_total${store}`]).toBe(1)
    expect(found[`millrace_store_cache_misses_total${store}`]).toBe(1)
    expect(found['kafka_streams_stream_thread_metrics_task_created_total{thread_id="0"}']).toBe(1)
    expect(found['kafka_consumer_coordinator_metrics_rebalance_total{thread_id="0"}']).toBe(1)
    await simulation.stopAll()
  })
})

test('labels are escaped as Prometheus asks', async () => {
  const text = metricsText({
    applicationId: 'a"b\\c\nd',
    state: 'created',
    threads: [],
    aliveThreads: 0,
    failedThreads: 0,
    isPaused: true,
    process: { residentBytes: 1_000, cpuSeconds: 2 },
  })
  expect(text).toBe(
    [
      '# HELP kafka_streams_stream_metrics_client_state The state of the application, by its name',
      '# TYPE kafka_streams_stream_metrics_client_state gauge',
      'kafka_streams_stream_metrics_client_state{application_id="a\\"b\\\\c\\nd",state="created"} 1',
      '# HELP kafka_streams_stream_metrics_alive_stream_threads Stream threads that have not ended',
      '# TYPE kafka_streams_stream_metrics_alive_stream_threads gauge',
      'kafka_streams_stream_metrics_alive_stream_threads 0',
      '# HELP kafka_streams_stream_metrics_failed_stream_threads Stream threads that failed since the start',
      '# TYPE kafka_streams_stream_metrics_failed_stream_threads gauge',
      'kafka_streams_stream_metrics_failed_stream_threads 0',
      '# HELP millrace_paused Whether the application is paused',
      '# TYPE millrace_paused gauge',
      'millrace_paused 1',
      '# HELP process_resident_memory_bytes Memory that the process takes',
      '# TYPE process_resident_memory_bytes gauge',
      'process_resident_memory_bytes 1000',
      '# HELP process_cpu_seconds_total Seconds of CPU time, of all threads',
      '# TYPE process_cpu_seconds_total counter',
      'process_cpu_seconds_total 2',
      '',
    ].join('\n'),
  )
})
