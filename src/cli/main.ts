import { isStreamsError, messageOf } from '../core/errors.ts'
import { badUsage, helpOf, parseCommandLine, type Command } from './command-line.ts'
import { print, printError } from './terminal.ts'

/** Each command is a file of its own, loaded only when it is called. */
const commands: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
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
  'topology describe': {
    summary: 'print what a topology is made of',
    load: async () => (await import('./topology-describe.ts')).topologyDescribe,
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

/** Exit codes: 0 done, 1 failed, 2 could not begin (usage, configuration, topology). */
export async function main(args: readonly string[]): Promise<number> {
  const verbose = args.includes('--verbose')
  try {
    return await dispatch(args.filter((arg) => arg !== '--verbose'))
  } catch (error) {
    printError(oneLine(error))
    if (verbose && error instanceof Error) printError(error.stack ?? '')
    return exitCodeOf(error)
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [first, second] = args
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    print(overview())
    return first === undefined ? 2 : 0
  }
  const words = commands[first] === undefined ? 2 : 1
  const name = words === 1 ? first : `${first} ${second ?? ''}`.trim()
  const entry = commands[name]
  if (entry === undefined) throw badUsage(`there is no command "${name}"`)
  const command = await entry.load()
  const rest = args.slice(words)
  if (rest.includes('--help') || rest.includes('-h')) {
    print(helpOf(command))
    return 0
  }
  return command.run(parseCommandLine(rest, command.options))
}

const overview = (): string =>
  [
    'usage: millrace <command> [options]',
    '',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(20)} ${summary}`),
    '',
    'millrace <command> --help says more. --verbose adds a stack trace to an error.',
  ].join('\n')

function oneLine(error: unknown): string {
  const message = messageOf(error).replaceAll('\n', ' ')
  return isStreamsError(error)
    ? `error ${error.code}: ${message}. ${error.hint}`
    : `error: ${message}`
}

function exitCodeOf(error: unknown): number {
  const early: readonly string[] = ['INVALID_CONFIG', 'INVALID_TOPOLOGY']
  return isStreamsError(error) && early.includes(error.code) ? 2 : 1
}
