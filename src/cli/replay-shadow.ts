import { loadTopology } from '../app/load-topology.ts'
import { runShadow, type ShadowRunOptions } from '../app/run-shadow.ts'
import { discardShadow, planShadow, type Shadow } from '../admin/replay/shadow.ts'
import { systemClock } from '../core/clock.ts'
import { systemRandom } from '../core/random.ts'
import { shadowTopic } from '../topology/shadow.ts'
import { badUsage, type CommandLine } from './command-line.ts'
import { connectionFrom, schemaRegistryFrom, withKafka } from './connection.ts'
import { Progress } from './progress.ts'
import { targetFrom, topicsFrom } from './replay.ts'
import { isInteractive, onInterrupt, print } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

/** `replay --shadow ID`: nothing of the application is touched, so nobody is asked. */
export async function replayInShadow(
  line: CommandLine,
  id: string,
  began: () => void,
): Promise<number> {
  for (const option of ['keep-state', 'empty-outputs']) {
    if (line.flag(option)) throw badUsage(`--${option} and --shadow do not go together`, 'replay')
  }
  if (line.flag('discard')) return await discard(line, id)
  const options = shadowRunOptions(line)
  if (line.flag('dry-run')) {
    show(await plan(line, id, options), line)
    return 0
  }
  using progress = new Progress(systemClock)
  using interrupt = onInterrupt(systemClock)
  const { done, processed, deadLetters } = await runShadow(topologyModule(line), id, {
    ...options,
    signal: interrupt.signal,
    onPrepared: (shadow) => {
      began()
      show(shadow, line)
    },
    onProgress: ({ remaining }) => progress.show(() => `${remaining} to be read`),
  })
  progress.end()
  if (line.flag('json')) print(JSON.stringify({ done, processed, deadLetters }))
  else print(summary(line, id, { done, processed, deadLetters }))
  return done ? 0 : 130
}

function shadowRunOptions(line: CommandLine): ShadowRunOptions {
  const topics = topicsFrom(line)
  const applicationId = line.text('application-id')
  const schemaRegistry = schemaRegistryFrom(line)
  const stateDir = line.text('state-dir')
  const threads = line.number('threads', 1)
  const cacheMaxBytes = line.number('cache-max-bytes', 0)
  const replicationFactor = line.number('replication-factor', 1)
  return {
    ...connectionFrom(line),
    to: targetFrom(line),
    ...(topics === undefined ? {} : { topics }),
    ...(applicationId === undefined ? {} : { applicationId }),
    ...(schemaRegistry === undefined ? {} : { schemaRegistry }),
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(threads === undefined ? {} : { threads }),
    ...(cacheMaxBytes === undefined ? {} : { cacheMaxBytes }),
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
    log: { level: 'warn', pretty: isInteractive() },
  }
}

async function plan(line: CommandLine, id: string, options: ShadowRunOptions): Promise<Shadow> {
  const topology = await loadTopology(topologyModule(line))
  const applicationId = options.applicationId ?? topology.name
  return await withKafka(line, (port) => {
    const deps = { port, clock: systemClock, random: systemRandom, topology, applicationId }
    return planShadow(deps, id, options)
  })
}

async function discard(line: CommandLine, id: string): Promise<number> {
  const topology = await loadTopology(topologyModule(line))
  const applicationId = line.text('application-id') ?? topology.name
  const removed = await withKafka(line, (port) => {
    const deps = { port, clock: systemClock, random: systemRandom, topology, applicationId }
    return discardShadow(deps, id)
  })
  if (line.flag('json')) print(JSON.stringify({ removed }))
  else for (const topic of removed) print(`deleted: ${topic}`)
  return 0
}

function show(shadow: Shadow, line: CommandLine): void {
  if (line.flag('json')) {
    print(JSON.stringify(shadow))
    return
  }
  const { id, applicationId, inputs, outputs, isResumed, isExact } = shadow
  print(`shadow "${id}" of application "${applicationId}"`)
  if (isResumed) print('It was there before, and goes on within the bounds that it has.')
  const names = inputs.map(({ topic, partition }) => `${topic}-${partition}`)
  const width = Math.max(9, ...names.map(({ length }) => length))
  print(`  ${'partition'.padEnd(width)}  ${'from'.padStart(12)}  ${'until'.padStart(12)}`)
  inputs.forEach(({ start, until }, index) => {
    const name = (names[index] ?? '').padEnd(width)
    print(`  ${name}  ${String(start).padStart(12)}  ${String(until).padStart(12)}`)
  })
  const topics = new Set(outputs.map(({ topic }) => shadowTopic(id, topic)))
  print(`It writes to ${[...topics].join(', ')}.`)
  if (!isExact) {
    print('The application is busy: of keys that it writes now the comparison may be off.')
  }
}

function summary(
  line: CommandLine,
  id: string,
  run: { readonly done: boolean; readonly processed: number; readonly deadLetters: number },
): string {
  const counts = `${run.processed} records processed, ${run.deadLetters} dead letters`
  if (!run.done) return `interrupted: ${counts}; run it again to go on`
  return `done: ${counts}; compare with \`millrace replay diff ${line.operands[0]} --shadow ${id}\``
}
