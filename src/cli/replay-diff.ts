import { loadTopology } from '../app/load-topology.ts'
import { diffOutputs, type DiffSide, type TopicDiff } from '../admin/replay/diff-outputs.ts'
import { timeFrom } from '../admin/replay/replay-target.ts'
import { findShadow, noShadow } from '../admin/replay/shadow.ts'
import { systemClock } from '../core/clock.ts'
import { systemRandom } from '../core/random.ts'
import type { Deserializer, Serializer } from '../serde/serde.ts'
import type { Topology } from '../topology/topology.ts'
import { badUsage, connectionOptions, type Command, type CommandLine } from './command-line.ts'
import { withKafka } from './connection.ts'
import { asText, decoderOf, type Decode } from './decoder.ts'
import { topicsFrom } from './replay.ts'
import { print } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

/** Exit code 1 where there is a difference. */
export const replayDiff: Command = {
  usage: 'replay diff <topology.ts> --shadow ID [options]',
  help: [
    'Compares the outputs of a shadow with those of the application, by key.',
    'Exit code 1 where they differ.',
  ].join('\n'),
  operand: '<topology.ts>',
  options: {
    ...connectionOptions,
    shadow: { type: 'string', value: 'ID', help: 'as it was made with `millrace replay --shadow`' },
    'application-id': { type: 'string', value: 'ID', help: "consumer group (the topology's name)" },
    topics: { type: 'string', value: 'a,b', help: 'only these outputs' },
    latest: { type: 'boolean', help: 'only the latest value of a key, as of a table' },
    since: { type: 'string', value: 'T', help: 'only records from a time on' },
    limit: { type: 'string', value: 'N', help: 'how many keys of a topic to show (20)' },
    json: { type: 'boolean', help: 'one JSON object a topic' },
  },
  run: async (line, began) => {
    const id = line.text('shadow')
    if (id === undefined) throw badUsage('--shadow is missing', line.command)
    const options = diffOptions(line)
    const topology = await loadTopology(topologyModule(line))
    const applicationId = line.text('application-id') ?? topology.name
    return await withKafka(line, async (port) => {
      const deps = { port, clock: systemClock, random: systemRandom, topology, applicationId }
      const shadow = await findShadow(deps, id)
      if (shadow === undefined) throw noShadow(id)
      const decode = decoderOf(line)
      let isSame = true
      for await (const diff of diffOutputs(deps, shadow, options)) {
        began()
        isSame &&= diff.different + diff.missing + diff.extra === 0
        const rows = await rowsOf(diff, decode, topology)
        if (line.flag('json')) print(JSON.stringify({ ...diff, examples: rows }))
        else show(diff, rows)
      }
      return isSame ? 0 : 1
    })
  },
}

function diffOptions(line: CommandLine) {
  const topics = topicsFrom(line)
  const since = line.text('since')
  const limit = line.number('limit', 0)
  return {
    ...(topics === undefined ? {} : { topics }),
    ...(since === undefined ? {} : { sinceMs: timeFrom(since) }),
    ...(limit === undefined ? {} : { limit }),
    latest: line.flag('latest'),
  }
}

interface Row {
  readonly key: unknown
  readonly status: string
  readonly application: SideRow | null
  readonly shadow: SideRow | null
}

interface SideRow extends Omit<DiffSide, 'value'> {
  /** The last one. */
  readonly value: unknown
}

async function rowsOf(
  { topic, examples }: TopicDiff,
  decode: Decode,
  topology: Topology,
): Promise<readonly Row[]> {
  const serdes = serdesOf(topology, topic)
  const side = async (found: DiffSide | undefined): Promise<SideRow | null> =>
    found === undefined ? null : { ...found, value: await decode(found.value, serdes.value) }
  return await Promise.all(
    examples.map(async ({ key, status, application, shadow }) => ({
      key: await decode(key, serdes.key),
      status,
      application: await side(application),
      shadow: await side(shadow),
    })),
  )
}

/** Of a topic that is written; most are made of serdes that can read as well. */
function serdesOf(topology: Topology, topic: string) {
  for (const node of topology.subTopologies.flatMap(({ nodes }) => nodes)) {
    if (node.kind !== 'sink' || typeof node.target === 'function') continue
    const { key, value } = node.target
    if (node.target.topic.name === topic) return { key: reading(key), value: reading(value) }
  }
  return { key: undefined, value: undefined }
}

const reading = (serializer: Serializer<unknown>): Deserializer<unknown> | undefined =>
  'deserialize' in serializer ? (serializer as unknown as Deserializer<unknown>) : undefined

function show(diff: TopicDiff, rows: readonly Row[]): void {
  const { topic, equal, different, missing, extra } = diff
  print(`${topic}: ${equal} equal, ${different} different, ${missing} missing, ${extra} extra`)
  for (const { key, status, application, shadow } of rows) {
    print(`  ${status.padEnd(9)}  ${asText(key)}`)
    if (application !== null) print(`    application  ${sideText(application)}`)
    if (shadow !== null) print(`    shadow       ${sideText(shadow)}`)
  }
  const left = different + missing + extra - rows.length
  if (left > 0) print(`  and ${left} more: --limit N shows them`)
}

const sideText = ({ count, value }: SideRow): string =>
  `${count} ${count === 1 ? 'record' : 'records'}, the last: ${asText(value)}`
