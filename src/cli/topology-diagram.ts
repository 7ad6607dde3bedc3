import { writeFileSync } from 'node:fs'
import { loadTopology } from '../app/load-topology.ts'
import { messageOf, StreamsError } from '../core/errors.ts'
import { diagramOf } from '../topology/diagram/diagram.ts'
import type { Command } from './command-line.ts'
import { print } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

export const topologyDiagram: Command = {
  usage: 'topology diagram <topology.ts> [--out FILE]',
  help: 'Draws topics, sub-topologies, steps and stores as an SVG, which follows light and dark.',
  operand: '<topology.ts>',
  options: {
    out: { type: 'string', value: 'FILE', help: 'where to write it (<name>.svg); - prints it' },
  },
  run: async (line) => {
    const topology = await loadTopology(topologyModule(line))
    const out = line.text('out') ?? `${topology.name}.svg`
    const svg = diagramOf(topology)
    if (out === '-') print(svg.trimEnd())
    else {
      write(out, svg)
      print(`${topology.name} is drawn in ${out}`)
    }
    return 0
  },
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `${path} cannot be written: ${messageOf(error)}`,
      hint: 'Name another file: --out FILE.',
    })
  }
}
