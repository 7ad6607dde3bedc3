import { loadTopology } from '../app/load-topology.ts'
import { describeAsJson, describeAsText } from '../topology/describe.ts'
import type { Command } from './command-line.ts'
import { print } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

export const topologyDescribe: Command = {
  usage: 'topology describe <topology.ts> [--json]',
  help: 'Prints the sub-topologies, their steps, stores and topics.',
  operand: '<topology.ts>',
  options: { json: { type: 'boolean', help: 'as JSON' } },
  run: async (line) => {
    const topology = await loadTopology(topologyModule(line))
    print(
      line.flag('json')
        ? JSON.stringify(describeAsJson(topology), null, 2)
        : describeAsText(topology),
    )
    return 0
  },
}
