import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { diagramOf } from '../../src/topology/diagram/diagram.ts'
import orders from '../../topologies/orders.ts'
import risk from '../../topologies/risk.ts'
import spending from './examples/spending.ts'

test.each([
  ['orders', orders],
  ['risk', risk],
  ['spending', spending],
])('the picture of %s is drawn from the topology as it is', async (name, topology) => {
  const path = new URL(`./images/${name}.svg`, import.meta.url)
  await expect(diagramOf(topology)).toMatchFileSnapshot(path.pathname)
  expect(readFileSync(path, 'utf8')).toBe(diagramOf(topology))
})
