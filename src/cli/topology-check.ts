import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkCluster } from '../admin/check/check-cluster.ts'
import { loadTopology } from '../app/load-topology.ts'
import { systemClock } from '../core/clock.ts'
import { messageOf, StreamsError } from '../core/errors.ts'
import { compareLocks } from '../topology/lock/compare.ts'
import { verdictOf, type Finding, type Verdict } from '../topology/lock/finding.ts'
import { lockOf, parseLock, type TopologyLock } from '../topology/lock/lock.ts'
import { connectionOptions, type Command, type CommandLine } from './command-line.ts'
import { withKafka } from './connection.ts'
import { print } from './terminal.ts'
import { topologyModule } from './topology-module.ts'

/** Beside 1 and 2, which every command has. */
const codes: Readonly<Record<Verdict, number>> = { compatible: 0, reset: 3, loss: 4 }

const summaries: Readonly<Record<Verdict, string>> = {
  compatible: 'is compatible with',
  reset: 'needs a reset beside',
  loss: 'would lose state beside',
}

export const topologyCheck: Command = {
  usage: 'topology check <topology.ts> [--write] [--brokers …] [options]',
  help: [
    'Says what a changed topology comes to for the state that is there: compares it with its lock,',
    'a file to be committed with it, and with --brokers with what lies in Kafka. Changes nothing there.',
    'Exit codes beside those below: 3 needs a reset, 4 would lose state.',
  ].join('\n'),
  operand: '<topology.ts>',
  options: {
    ...connectionOptions,
    write: { type: 'boolean', help: 'write the lock as the topology is now' },
    lock: { type: 'string', value: 'FILE', help: 'where the lock is (<topology>.lock.json)' },
    'application-id': { type: 'string', value: 'ID', help: "consumer group (the topology's name)" },
    json: { type: 'boolean', help: 'as one JSON object' },
  },
  run: async (line, began) => {
    const url = topologyModule(line)
    const topology = await loadTopology(url)
    const applicationId = line.text('application-id') ?? topology.name
    const path = line.text('lock') ?? lockPath(url)
    const now = lockOf(topology, applicationId)
    const before = readLock(path, line)
    const findings = before === undefined ? [] : [...compareLocks(before, now)]
    const hasCluster = line.text('brokers') !== undefined
    if (hasCluster) {
      const found = await withKafka(line, async (port) => {
        began()
        return await checkCluster({ port, clock: systemClock, topology, applicationId })
      })
      findings.push(...found)
    }
    const beside = [before === undefined ? [] : [path], hasCluster ? ['the cluster'] : []].flat()
    if (line.flag('write')) writeLock(path, now)
    report({ name: topology.name, beside, path, findings }, line)
    return line.flag('write') ? 0 : codes[verdictOf(findings)]
  },
}

const lockPath = (url: string): string =>
  relative(process.cwd(), fileURLToPath(url).replace(/\.[a-z]+$/, '.lock.json'))

/** Undefined where there is none and none is needed. */
function readLock(path: string, line: CommandLine): TopologyLock | undefined {
  if (existsSync(path)) return parseLock(readFileSync(path, 'utf8'), path)
  if (line.flag('write') || line.text('brokers') !== undefined) return undefined
  throw new StreamsError('INVALID_CONFIG', {
    message: `there is no lock ${path} to compare with`,
    hint: 'Write one with --write and commit it, or compare with a cluster: --brokers.',
  })
}

function writeLock(path: string, lock: TopologyLock): void {
  try {
    writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
  } catch (error) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `${path} cannot be written: ${messageOf(error)}`,
      hint: 'Name another file: --lock FILE.',
    })
  }
}

interface Report {
  readonly name: string
  readonly beside: readonly string[]
  readonly path: string
  readonly findings: readonly Finding[]
}

function report({ name, beside, path, findings }: Report, line: CommandLine): void {
  const verdict = verdictOf(findings)
  const wrote = line.flag('write')
  if (line.flag('json')) {
    print(JSON.stringify({ verdict, findings, written: wrote ? path : null }))
    return
  }
  if (beside.length > 0) print(`${name} ${summaries[verdict]} ${beside.join(' and ')}`)
  for (const { verdict: each, what, hint } of findings) {
    print(`  ${words[each]}  ${what}`)
    print(`  ${' '.repeat(words[each].length)}  ${hint}`)
  }
  if (wrote) print(`${path} is written`)
}

const words: Readonly<Record<Verdict, string>> = {
  compatible: 'note ',
  reset: 'reset',
  loss: 'loss ',
}
