/** The dashboard and its provisioning: no Grafana runs here, so what they refer to is checked. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { everything } from '../../src/app/metrics/everything.fixtures.ts'
import { metricsOf } from '../../src/app/metrics-text.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string): string => readFileSync(`${root}${path}`, 'utf8')

interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly Target[]
}
interface Variable {
  readonly name: string
  readonly definition?: string
}
const dashboard = JSON.parse(text('docs/grafana/millrace.json')) as {
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
}

/** Labels by metric; Prometheus adds where a sample was read. */
const known = new Map(
  metricsOf(everything).map(({ name, samples }) => [
    name,
    ['job', 'instance', ...Object.keys(samples[0]?.[0] ?? {})],
  ]),
)
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target })),
)
const metricsIn = (expr: string): readonly string[] =>
  [...expr.matchAll(/\b((?:kafka|millrace|process)_[a-z0-9_]+)\b/g)].map(([, name = '']) => name)
const labelsIn = (list: string): readonly string[] =>
  [...list.matchAll(/([a-z0-9_]+)/g)].map(([, label = '']) => label)

describe('the dashboard', () => {
  test('asks for metrics that there are, by labels that they have', () => {
    const wrong = queries.flatMap(({ title, expr, legendFormat }) => {
      const metrics = metricsIn(expr)
      const missing = metrics.filter((name) => !known.has(name))
      const selected = [...expr.matchAll(/[{,]([a-z0-9_]+)(?:=~|!=|=)"/g)].map(([, name]) => name)
      const grouped = [...expr.matchAll(/ by \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        labelsIn(list),
      )
      const shown = [...legendFormat.matchAll(/\{\{([a-z0-9_]+)\}\}/g)].map(([, name]) => name)
      const lost = [...selected, ...grouped].filter((label) =>
        metrics.some((name) => known.get(name)?.includes(label ?? '') !== true),
      )
      // A label that the query has not kept would be shown as nothing.
      const gone = shown.filter((label) => !grouped.includes(label ?? ''))
      return [...missing, ...lost, ...gone].map((word) => `${title}: ${word}`)
    })
    expect(wrong).toEqual([])
    expect(queries.filter(({ expr }) => metricsIn(expr).length === 0)).toEqual([])
  })

  test('adds up counters as rates only, and no gauges so', () => {
    const types = new Map(metricsOf(everything).map(({ name, type }) => [name, type]))
    const wrong = queries.flatMap(({ title, expr }) =>
      [
        ...expr.matchAll(/(rate\(|increase\(|\(|^)((?:kafka|millrace|process)_[a-z0-9_]+)/g),
      ].flatMap(([, before, name = '']) => {
        const isRate = before === 'rate(' || before === 'increase('
        return isRate === (types.get(name) === 'counter') ? [] : [`${title}: ${name}`]
      }),
    )
    expect(wrong).toEqual([])
  })

  test('has variables for all that its queries leave open', () => {
    const names = new Set(dashboard.templating.list.map(({ name }) => name))
    const own = new Set(['__rate_interval', '__range', '__all'])
    const used = [...JSON.stringify(dashboard).matchAll(/\$\{?([a-z_]+)\}?/g)]
    expect(used.filter(([, name = '']) => !names.has(name) && !own.has(name))).toEqual([])
    const asked = dashboard.templating.list.flatMap(({ definition = '' }) => metricsIn(definition))
    expect(asked.filter((name) => !known.has(name))).toEqual([])
    expect(asked).not.toEqual([])
  })

  test('is laid out without overlap, each panel and query under an id of its own', () => {
    const { panels } = dashboard
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const { targets = [] } of panels) {
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
    }
    const overlapping = panels.flatMap((a, at) =>
      panels
        .slice(at + 1)
        .filter(({ gridPos: b }) => {
          const { x, y, w, h } = a.gridPos
          return b.x < x + w && x < b.x + b.w && b.y < y + h && y < b.y + b.h
        })
        .map((b) => `${a.title} and ${b.title}`),
    )
    expect(overlapping).toEqual([])
    expect(panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24)).toEqual([])
  })

  test('shows what an operator looks for', () => {
    const shown = new Set(queries.flatMap(({ expr }) => metricsIn(expr)))
    const wanted = [
      'kafka_streams_stream_thread_metrics_process_total',
      'kafka_streams_stream_thread_metrics_process_latency_avg',
      'kafka_consumer_fetch_manager_metrics_records_lag',
      'millrace_dead_letters_total',
      'kafka_consumer_coordinator_metrics_rebalance_total',
      'kafka_streams_stream_task_metrics_restore_remaining_records_total',
      'kafka_streams_stream_state_metrics_estimate_num_keys',
      'process_resident_memory_bytes',
    ]
    expect(wanted.filter((name) => !shown.has(name))).toEqual([])
  })
})

interface Mount {
  readonly source: string
  readonly target: string
}
interface Config {
  readonly content?: string
  readonly file?: string
}
interface Compose {
  readonly services: Readonly<Record<string, { readonly configs?: readonly Mount[] }>>
  readonly configs: Readonly<Record<string, Config>>
}

describe('its provisioning in docker-compose.yml', () => {
  const { services, configs } = parse(text('docker-compose.yml'), { merge: true }) as Compose
  const mounts = services['grafana']?.configs ?? []
  /** The document that a service finds at a path that begins so. */
  const documentAt = (folder: string): unknown => {
    const mount = mounts.find(({ target }) => target.startsWith(folder))
    return parse(configs[mount?.source ?? '']?.content ?? '') as unknown
  }

  test('refers to configurations that there are, and to files of the repository', () => {
    for (const service of Object.values(services)) {
      for (const { source } of service.configs ?? []) expect(configs).toHaveProperty(source)
    }
    for (const { file, content } of Object.values(configs)) {
      expect(file === undefined || existsSync(`${root}${file}`)).toBe(true)
      // Compose puts variables into what is written here.
      expect(content ?? '').not.toContain('$')
    }
  })

  test('names Prometheus as it is called there, by the id that the dashboard begins with', () => {
    expect(documentAt('/etc/grafana/provisioning/datasources/')).toMatchObject({
      apiVersion: 1,
      datasources: [{ uid: 'prometheus', type: 'prometheus', url: 'http://prometheus:9090' }],
    })
    expect(services).toHaveProperty('prometheus')
    const [source] = dashboard.templating.list
    expect(source).toMatchObject({ name: 'datasource', current: { value: 'prometheus' } })
  })

  test('looks for dashboards where this one is put', () => {
    const provided = documentAt('/etc/grafana/provisioning/dashboards/') as {
      readonly providers: readonly { readonly options: { readonly path: string } }[]
    }
    const mount = mounts.find(({ source }) => configs[source]?.file?.endsWith('millrace.json'))
    expect(mount?.target).toBe(`${provided.providers[0]?.options.path}/millrace.json`)
  })

  test('Prometheus reads the instances of the service, where they serve their metrics', () => {
    const read = parse(configs['prometheus']?.content ?? '') as {
      readonly scrape_configs: readonly {
        readonly static_configs: readonly { readonly targets: readonly string[] }[]
      }[]
    }
    const targets = read.scrape_configs.flatMap((job) =>
      job.static_configs.flatMap((each) => each.targets),
    )
    expect(targets).toEqual(['orders-1:8080', 'orders-2:8080'])
    for (const target of targets) expect(services).toHaveProperty(target.split(':')[0] ?? '')
    expect(text('Dockerfile')).toContain('MILLRACE_HTTP=0.0.0.0:8080')
  })
})
