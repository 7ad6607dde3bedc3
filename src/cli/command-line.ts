import { parseArgs } from 'node:util'
import { StreamsError } from '../core/errors.ts'
import { environmentVariable } from './environment.ts'

/** An option of a command. Each can also be given as `MILLRACE_<NAME>` in the environment. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  /** What follows the option in the help, for example `DIR`. */
  readonly value?: string
  readonly help: string
  readonly short?: string
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

export interface CommandLine {
  readonly positionals: readonly string[]
  readonly text: (name: string) => string | undefined
  readonly flag: (name: string) => boolean
  readonly number: (name: string) => number | undefined
}

export interface Command {
  readonly usage: string
  readonly help: string
  readonly options: OptionSpecs
  /** Resolves to the exit code. */
  readonly run: (line: CommandLine) => Promise<number>
}

/** What every command that talks to Kafka takes. */
export const connectionOptions: OptionSpecs = {
  brokers: { type: 'string', value: 'HOST:PORT,…', help: 'brokers to begin with' },
  'client-id': { type: 'string', value: 'ID', help: "our name in the brokers' logs" },
  tls: { type: 'boolean', help: 'connect with TLS' },
  'sasl-mechanism': {
    type: 'string',
    value: 'NAME',
    help: 'plain, scram-sha-256 or scram-sha-512',
  },
  'sasl-username': { type: 'string', value: 'NAME', help: 'user for SASL' },
  'sasl-password': {
    type: 'string',
    value: 'TEXT',
    help: 'password for SASL; prefer the environment',
  },
}

export const environmentName = (option: string): string =>
  `MILLRACE_${option.toUpperCase().replaceAll('-', '_')}`

/** Bad usage is `INVALID_CONFIG`; the command line wins over the environment. */
export function parseCommandLine(args: readonly string[], specs: OptionSpecs): CommandLine {
  const { values, positionals } = parse(args, specs)
  const given = (name: string): string | boolean | undefined =>
    values[name] ?? environmentVariable(environmentName(name))
  const text = (name: string): string | undefined => {
    const value = given(name)
    return typeof value === 'string' ? value : undefined
  }
  return {
    positionals,
    text,
    flag: (name) => {
      const value = given(name)
      return value === true || value === 'true' || value === '1'
    },
    number: (name) => {
      const value = text(name)
      if (value === undefined) return undefined
      if (/^-?\d+$/.test(value)) return Number(value)
      throw badUsage(`--${name} takes a whole number, not "${value}"`)
    },
  }
}

function parse(args: readonly string[], specs: OptionSpecs) {
  try {
    const options = Object.fromEntries(
      Object.entries(specs).map(([name, { type, short }]) => [
        name,
        short === undefined ? { type } : { type, short },
      ]),
    )
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw badUsage(error instanceof Error ? (error.message.split('.')[0] ?? '') : String(error))
  }
}

export const badUsage = (what: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: what.charAt(0).toLowerCase() + what.slice(1),
    hint: 'See `millrace help` or `millrace <command> --help`.',
  })

/** One of a few words, or undefined where the option is not given. */
export function choice<T extends string>(
  line: CommandLine,
  name: string,
  words: readonly T[],
): T | undefined {
  const value = line.text(name)
  if (value === undefined) return undefined
  const word = words.find((each) => each === value)
  if (word !== undefined) return word
  throw badUsage(`--${name} takes one of ${words.join(', ')}, not "${value}"`)
}

export function helpOf(command: Command): string {
  const rows = Object.entries(command.options).map(([name, { value, help }]) => {
    const option = `--${name}${value === undefined ? '' : ` ${value}`}`
    return `  ${option.padEnd(34)} ${help}`
  })
  return [
    `usage: millrace ${command.usage}`,
    '',
    command.help,
    '',
    ...rows,
    '',
    'Every option can be set in the environment: --state-dir is MILLRACE_STATE_DIR.',
  ].join('\n')
}
