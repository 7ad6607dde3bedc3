import {
  badUsage,
  environmentName,
  exitCodes,
  helpOf,
  parseCommandLine,
  type Command,
} from './command-line.ts'
import { environmentVariable } from './environment.ts'
import { exitCodeOf, inOneLine, traceOf } from './failure.ts'
import { nearest } from './nearest.ts'
import { endWithReader, print, printError, showWarnings } from './terminal.ts'

/** Each command is a file of its own, loaded only when it is called. */
const commands: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  init: {
    summary: 'write a new service: topology, test, Dockerfile and all',
    load: async () => (await import('./init.ts')).init,
  },
  run: {
    summary: 'run a topology as a member of its consumer group',
    load: async () => (await import('./run.ts')).run,
  },
  'dlq list': {
    summary: 'count dead letters by topic, step and error',
    load: async () => (await import('./dlq-list.ts')).dlqList,
  },
  'dlq show': {
    summary: 'show dead letters, their headers and why they failed',
    load: async () => (await import('./dlq-show.ts')).dlqShow,
  },
  'dlq stats': {
    summary: 'count dead letters over time',
    load: async () => (await import('./dlq-stats.ts')).dlqStats,
  },
  'dlq redrive': {
    summary: 'send dead letters again, each once',
    load: async () => (await import('./dlq-redrive.ts')).dlqRedrive,
  },
  replay: {
    summary: 'read input again, with state built anew',
    load: async () => (await import('./replay.ts')).replayCommand,
  },
  'replay diff': {
    summary: 'compare the outputs of a shadow with those of the application',
    load: async () => (await import('./replay-diff.ts')).replayDiff,
  },
  'topology describe': {
    summary: 'print what a topology is made of',
    load: async () => (await import('./topology-describe.ts')).topologyDescribe,
  },
  'topology check': {
    summary: 'say what a changed topology comes to for the state that is there',
    load: async () => (await import('./topology-check.ts')).topologyCheck,
  },
  'topology diagram': {
    summary: 'draw a topology, as SVG',
    load: async () => (await import('./topology-diagram.ts')).topologyDiagram,
  },
  'schema types': {
    summary: 'print the TypeScript types of an Avro schema',
    load: async () => (await import('./schema-types.ts')).schemaTypes,
  },
  'topic create': {
    summary: 'create topics, with as many partitions as you say',
    load: async () => (await import('./topic-create.ts')).topicCreate,
  },
  'kafka start': {
    summary: 'start a Kafka on this machine, for development',
    load: async () => (await import('./kafka.ts')).kafkaStart,
  },
  'kafka stop': {
    summary: 'stop it and remove its data',
    load: async () => (await import('./kafka.ts')).kafkaStop,
  },
  'kafka status': {
    summary: 'say whether it runs, and where',
    load: async () => (await import('./kafka.ts')).kafkaStatusCommand,
  },
}

/** Resolves to the exit code; whatever goes wrong is one line on standard error. */
export async function main(args: readonly string[]): Promise<number> {
  const isVerbose = args.includes('--verbose') || isVerboseEverywhere()
  let hasBegun = false
  const report = (error: unknown): number => {
    printError(inOneLine(error))
    if (isVerbose) printError(traceOf(error))
    return exitCodeOf(error, hasBegun)
  }
  endWithReader()
  showWarnings()
  process.on('uncaughtException', (error) => process.exit(report(error)))
  try {
    return await dispatch(args, () => {
      hasBegun = true
    })
  } catch (error) {
    return report(error)
  }
}

const isVerboseEverywhere = (): boolean =>
  ['true', '1'].includes(environmentVariable(environmentName('verbose')) ?? '')

async function dispatch(args: readonly string[], began: () => void): Promise<number> {
  if (args.length === 0) {
    printError(overview())
    return 2
  }
  const asksForHelp = args[0] === 'help' || args.includes('--help') || args.includes('-h')
  const words = args[0] === 'help' ? args.slice(1) : args
  if (asksForHelp && (words.length === 0 || words[0]?.startsWith('-') === true)) {
    print(overview())
    return 0
  }
  const name = commandIn(words)
  const command = await (commands[name] as { load: () => Promise<Command> }).load()
  if (asksForHelp) {
    print(helpOf(command))
    return 0
  }
  const rest = words.slice(name.split(' ').length)
  return command.run(parseCommandLine(rest, name, command), began)
}

/** The name of a command is one word or two. */
function commandIn([first = '', second = '']: readonly string[]): string {
  const names = Object.keys(commands)
  const name = [`${first} ${second}`, first].find((each) => names.includes(each))
  if (name !== undefined) return name
  const family = names.filter((each) => each.startsWith(`${first} `))
  if (family.length > 0) {
    const given = second === '' || second.startsWith('-') ? first : `${first} ${second}`
    const meant = `${family.slice(0, -1).join(', ')} or ${family.at(-1)}`
    throw badUsage(`there is no command "${given}"; did you mean ${meant}?`, '')
  }
  const meant = nearest(first, [...new Set(names.map((each) => each.split(' ')[0] as string))])
  const guess = meant === undefined ? '' : `; did you mean ${meant}?`
  throw badUsage(`there is no command "${first}"${guess}`, '')
}

const overview = (): string =>
  [
    'usage: millrace <command> [options]',
    '',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(20)} ${summary}`),
    '',
    'millrace <command> --help says more.',
    exitCodes,
  ].join('\n')
