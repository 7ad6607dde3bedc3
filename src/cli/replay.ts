import { loadTopology } from '../app/load-topology.ts'
import { planReplay, type ReplayOptions, type ReplayPlan } from '../admin/replay/plan-replay.ts'
import { replay } from '../admin/replay/replay.ts'
import type { ReplayTo } from '../admin/replay/replay-target.ts'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { systemRandom } from '../core/random.ts'
import {
  badUsage,
  connectionOptions,
  type Command,
  type CommandLine,
  type OptionSpecs,
} from './command-line.ts'
import { withKafka } from './connection.ts'
import { ask, mayAsk, print } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

/** Where to, one of them. */
export const targetOptions: OptionSpecs = {
  'to-earliest': { type: 'boolean', help: 'from the beginning of the input' },
  'to-latest': { type: 'boolean', help: 'from its end: what is there now is passed over' },
  'to-offset': { type: 'string', value: 'N', help: 'from this offset of each partition' },
  'to-datetime': { type: 'string', value: 'T', help: 'from a time on: 2026-08-01T09:30:00Z' },
  'by-duration': { type: 'string', value: 'TIME', help: 'from so long ago on: 90m, 7d' },
  'shift-by': { type: 'string', value: 'N', help: 'from N records behind where it is; -N: before' },
}

const shadowOptions: OptionSpecs = {
  shadow: { type: 'string', value: 'ID', help: 'replay beside the application, into ID.<topic>' },
  discard: { type: 'boolean', help: 'remove the topics and groups of a shadow' },
  'state-dir': { type: 'string', value: 'DIR', help: 'of a shadow (.millrace)' },
  threads: { type: 'string', value: 'N', help: 'of a shadow (1)' },
  'cache-max-bytes': { type: 'string', value: 'N', help: 'of a shadow; 0 emits every update' },
  'replication-factor': { type: 'string', value: 'N', help: "of a shadow's topics" },
}

export const replayCommand: Command = {
  usage: 'replay <topology.ts> --to-… [options]',
  help: [
    'Has an application read its input again, with its state built anew. Stop every instance first:',
    'it refuses while the group has members. Interrupted, it goes on when it is run again.',
  ].join('\n'),
  operand: '<topology.ts>',
  options: {
    ...connectionOptions,
    ...targetOptions,
    'application-id': { type: 'string', value: 'ID', help: "consumer group (the topology's name)" },
    topics: { type: 'string', value: 'a,b:0', help: 'only this input, by topic and partition' },
    'keep-state': { type: 'boolean', help: 'set offsets only: stores stay as they are' },
    'empty-outputs': {
      type: 'boolean',
      help: 'remove what the topology wrote, to be written again',
    },
    'dry-run': { type: 'boolean', help: 'say what would be done, and do nothing' },
    yes: { type: 'boolean', help: 'do not ask' },
    json: { type: 'boolean', help: 'the plan as one JSON object' },
    ...shadowOptions,
  },
  run: async (line, began) => {
    const shadow = line.text('shadow')
    if (shadow !== undefined) {
      return await (await import('./replay-shadow.ts')).replayInShadow(line, shadow, began)
    }
    const options = replayOptions(line)
    const isDryRun = line.flag('dry-run')
    if (!isDryRun && !line.flag('yes') && !mayAsk()) throw nobodyToAsk(line)
    const topology = await loadTopology(topologyModule(line))
    const applicationId = line.text('application-id') ?? topology.name
    return await withKafka(line, async (port) => {
      const deps = { port, clock: systemClock, random: systemRandom, topology, applicationId }
      if (isDryRun) {
        show(await planReplay(deps, options), line)
        return 0
      }
      const { done } = await replay(deps, options, async (plan) => {
        show(plan, line)
        if (!line.flag('yes') && !(await ask('Do this?'))) return false
        began()
        return true
      })
      if (!line.flag('json')) print(done ? 'done: start the application' : 'nothing was done')
      return done ? 0 : 1
    })
  },
}

const nobodyToAsk = (line: CommandLine): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `${line.command} asks before it acts, and there is no terminal to ask on`,
    hint: 'Look at it with --dry-run, then give --yes.',
  })

/** Of `--topics`; undefined: all. */
export const topicsFrom = (line: CommandLine): readonly string[] | undefined =>
  line
    .text('topics')
    ?.split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')

function replayOptions(line: CommandLine): ReplayOptions {
  const topics = topicsFrom(line)
  return {
    to: targetFrom(line),
    ...(topics === undefined ? {} : { topics }),
    keepState: line.flag('keep-state'),
    emptyOutputs: line.flag('empty-outputs'),
  }
}

/** The one that was given; bad usage where it is none or two of them. */
export function targetFrom(line: CommandLine): ReplayTo {
  const offset = line.number('to-offset', 0)
  const datetime = line.text('to-datetime')
  const by = line.duration('by-duration')
  const shift = line.number('shift-by', -Infinity)
  const given: readonly (ReplayTo | undefined)[] = [
    line.flag('to-earliest') ? 'earliest' : undefined,
    line.flag('to-latest') ? 'latest' : undefined,
    offset === undefined ? undefined : { offset },
    datetime === undefined ? undefined : { datetime },
    by === undefined ? undefined : { by },
    shift === undefined ? undefined : { shift },
  ]
  const [to, another] = given.filter((each) => each !== undefined)
  const names = Object.keys(targetOptions).map((name) => `--${name}`)
  if (to === undefined) throw badUsage(`say where to: one of ${names.join(', ')}`, line.command)
  if (another !== undefined) throw badUsage(`only one of ${names.join(', ')}`, line.command)
  return to
}

function show(plan: ReplayPlan, line: CommandLine): void {
  if (line.flag('json')) {
    print(JSON.stringify(plan))
    return
  }
  const { applicationId, partitions, isResumed } = plan
  print(`replay of application "${applicationId}"`)
  if (isResumed) print('A replay of it was interrupted: this one goes on where it was.')
  for (const row of partitionRows(partitions)) print(row)
  for (const text of stateLines(plan)) print(text)
}

export function partitionRows(partitions: ReplayPlan['partitions']): readonly string[] {
  const names = partitions.map(({ topic, partition }) => `${topic}-${partition}`)
  const width = Math.max(9, ...names.map(({ length }) => length))
  return [
    `  ${'partition'.padEnd(width)}  ${'from'.padStart(12)}  ${'to'.padStart(12)}`,
    ...partitions.map(({ from, to, isClamped }, index) => {
      const name = (names[index] ?? '').padEnd(width)
      const note = isClamped ? '  (the nearest there is)' : ''
      return `  ${name}  ${String(from ?? 'none').padStart(12)}  ${String(to).padStart(12)}${note}`
    }),
  ]
}

function stateLines(plan: ReplayPlan): readonly string[] {
  const { keepsState, stores, changelogs, repartitions, outputs } = plan
  if (keepsState) return ['State is kept: what is read again comes on top of it.']
  const topics = [...new Set(repartitions.map(({ topic }) => topic))]
  return [
    stores.length === 0
      ? 'There is no state to take back.'
      : `State is built anew, on every machine: ${stores.join(', ')}.`,
    ...changelogs.map((topic) => `  deleted: ${topic}`),
    ...topics.map((topic) => `  emptied: ${topic}`),
    ...outputs.map((topic) => `  emptied: ${topic}, an output`),
  ]
}
