/** docs/guide/operating.md lists every metric, with its type and labels, and no other. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { metricsOf } from '../metrics-text.ts'
import { everything } from './everything.fixtures.ts'

interface Documented {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

/** Tables below lines such as: `prefix_`…, by `label`, `label`: */
function documented(): readonly Documented[] {
  const page = readFileSync(new URL('../../../docs/guide/operating.md', import.meta.url), 'utf8')
  const found: Documented[] = []
  let prefix = ''
  let labels: readonly string[] = []
  for (const line of page.split('\n')) {
    const group = /^`([a-z_0-9]+_)`…(.*):$/.exec(line)
    if (group !== null) {
      prefix = group[1] ?? ''
      labels = [...(group[2] ?? '').matchAll(/`([a-z_0-9]+)`/g)].map(([, label = '']) => label)
    }
    const [, name, type] = /^\| `([a-z_0-9]+)` +\| (counter|gauge) +\|/.exec(line) ?? []
    if (name !== undefined && type !== undefined) found.push({ name: prefix + name, type, labels })
  }
  return found
}

const byName = (a: Documented, b: Documented): number => (a.name < b.name ? -1 : 1)

test('every metric is explained with its type and labels, and no other', () => {
  const told = metricsOf(everything).map(({ name, type, samples }) => ({
    name,
    type,
    labels: Object.keys(samples[0]?.[0] ?? { 'no sample': '' }),
  }))
  expect(documented().toSorted(byName)).toEqual(told.toSorted(byName))
})

test('no metric is told twice', () => {
  const names = metricsOf(everything).map(({ name }) => name)
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
})
