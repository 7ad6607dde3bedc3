/** The text format of Prometheus, version 0.0.4. */
export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Readonly<Record<string, string | number>>

/** One metric with its samples. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  /** A sentence without a full stop. */
  readonly help: string
  readonly samples: readonly Sample[]
}

export type Sample = readonly [labels: Labels, value: number]

/** Metrics without samples are left out. */
export const prometheusText = (metrics: readonly Metric[]): string =>
  metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(([labels, value]) => `${name}${labelled(labels)} ${value}`),
        '',
      ].join('\n'),
    )
    .join('')

function labelled(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
