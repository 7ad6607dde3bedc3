import { parseArgs } from 'node:util'
import { durationMs, type Duration } from '../core/duration.ts'
import { StreamsError } from '../core/errors.ts'
import { environmentVariable } from './environment.ts'
import { nearest } from './nearest.ts'

/** An option of a command. Each can also be given as `MILLRACE_<NAME>` in the environment. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  /** What follows the option in the help, for example `DIR`. */
  readonly value?: string
  readonly help: string
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** What was given to a command. The command line wins over the environment. */
export interface CommandLine {
  /** The words of the command, for example `dlq list`. */
  readonly command: string
  readonly operands: readonly string[]
  readonly text: (name: string) => string | undefined
  readonly flag: (name: string) => boolean
  /** A whole number, not below `least`. */
  readonly number: (name: string, least: number) => number | undefined
  readonly duration: (name: string) => Duration | undefined
  /** One of a few words. */
  readonly choice: <T extends string>(name: string, words: readonly T[]) => T | undefined
}

export interface Command {
  readonly usage: string
  readonly help: string
  /** What stands without an option, `<topology.ts>` for example; without it nothing may. */
  readonly operand?: string
  readonly takesMany?: boolean
  readonly options: OptionSpecs
  /**
   * Resolves to the exit code. A rejection after the call of `began` is a failure of work under
   * way, one before it says that the work could not begin.
   */
  readonly run: (line: CommandLine, began: () => void) => Promise<number>
}

/** What every command that talks to Kafka takes. */
export const connectionOptions: OptionSpecs = {
  brokers: { type: 'string', value: 'HOST:PORT,…', help: 'brokers to begin with (localhost:9092)' },
  'client-id': { type: 'string', value: 'ID', help: "our name in the brokers' logs" },
  'schema-registry': { type: 'string', value: 'URL', help: 'for topologies with schemas' },
  'schema-registry-username': { type: 'string', value: 'NAME', help: 'user for the registry' },
  'schema-registry-password': {
    type: 'string',
    value: 'TEXT',
    help: 'password for the registry; prefer the environment',
  },
  tls: { type: 'boolean', help: 'connect with TLS' },
  'tls-ca': { type: 'string', value: 'FILE', help: 'authorities to trust (PEM), with TLS' },
  'tls-cert': { type: 'string', value: 'FILE', help: 'our own certificate (PEM), with TLS' },
  'tls-key': { type: 'string', value: 'FILE', help: 'its private key (PEM)' },
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

const everywhere: OptionSpecs = {
  verbose: { type: 'boolean', help: 'add the stack trace to an error' },
  help: { type: 'boolean', help: 'show this and end' },
}

export const environmentName = (option: string): string =>
  `MILLRACE_${option.toUpperCase().replaceAll('-', '_')}`

/** Bad usage is `INVALID_CONFIG`. */
export function parseCommandLine(
  args: readonly string[],
  name: string,
  command: Command,
): CommandLine {
  const { options, operands } = parsed(args, name, command)
  checkOperands(operands, name, command)
  const given = (option: string): Given | undefined => {
    if (options.has(option)) return { by: `--${option}`, value: options.get(option) ?? 'true' }
    const by = environmentName(option)
    const value = environmentVariable(by)
    return value === undefined ? undefined : { by, value }
  }
  const bad = (what: string): StreamsError => badUsage(what, name)
  return {
    command: name,
    operands,
    text: (option) => given(option)?.value,
    flag: (option) => flagOf(given(option), bad),
    number: (option, least) => numberOf(given(option), least, bad),
    duration: (option) => durationOf(given(option), bad),
    choice: (option, words) => choiceOf(given(option), words, bad),
  }
}

interface Given {
  /** How it was given: by an option or by an environment variable. */
  readonly by: string
  readonly value: string
}

type Bad = (what: string) => StreamsError

function parsed(args: readonly string[], name: string, { options: specs }: Command) {
  const known = { ...specs, ...everywhere }
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries(known).map(([each, { type }]) => [each, { type }])),
    strict: false,
    tokens: true,
  })
  const options = new Map<string, string | undefined>()
  const operands: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const spec = known[token.name]
    if (spec === undefined) throw unknownOption(token.rawName, name, Object.keys(known))
    const { rawName, value, inlineValue } = token
    if (spec.type === 'boolean' && value !== undefined) {
      throw badUsage(`${rawName} takes no value`, name)
    }
    const isOption = value !== undefined && !inlineValue && /^-\D/.test(value)
    if (spec.type === 'string' && (value === undefined || value === '' || isOption)) {
      throw badUsage(`${rawName} needs a value`, name)
    }
    options.set(token.name, value)
  }
  return { options, operands }
}

function checkOperands(operands: readonly string[], name: string, command: Command): void {
  const { operand, takesMany } = command
  const [extra] = operands.slice(operand === undefined ? 0 : takesMany === true ? Infinity : 1)
  if (extra !== undefined) throw badUsage(`"${extra}" is one argument too many`, name)
  if (operand !== undefined && operands.length === 0) {
    throw badUsage(`${operand} is missing`, name)
  }
}

function unknownOption(option: string, command: string, known: readonly string[]): StreamsError {
  const meant = nearest(option.replace(/^-+/, ''), known)
  const guess = meant === undefined ? '' : `; did you mean --${meant}?`
  return badUsage(`there is no option ${option}${guess}`, command)
}

export const badUsage = (what: string, command: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: what,
    hint: `See \`${['millrace', command, '--help'].filter(Boolean).join(' ')}\`.`,
  })

function flagOf(given: Given | undefined, bad: Bad): boolean {
  if (given === undefined) return false
  const { by, value } = given
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  throw bad(`${by} is true or false, not "${value}"`)
}

function numberOf(given: Given | undefined, least: number, bad: Bad): number | undefined {
  if (given === undefined) return undefined
  const { by, value } = given
  const number = /^-?\d+$/.test(value) ? Number(value) : NaN
  if (Number.isSafeInteger(number) && number >= least) return number
  const from = least === -Infinity ? '' : ` from ${least}`
  throw bad(`${by} takes a whole number${from}, not "${value}"`)
}

function durationOf(given: Given | undefined, bad: Bad): Duration | undefined {
  if (given === undefined) return undefined
  const duration = given.value as Duration
  try {
    durationMs(duration)
    return duration
  } catch {
    throw bad(`${given.by} takes a time with its unit, like 100ms, 30s or 5m, not "${duration}"`)
  }
}

function choiceOf<T extends string>(
  given: Given | undefined,
  words: readonly T[],
  bad: Bad,
): T | undefined {
  if (given === undefined) return undefined
  const { by, value } = given
  const word = words.find((each) => each === value)
  if (word !== undefined) return word
  const last = words.at(-1)
  throw bad(`${by} takes ${words.slice(0, -1).join(', ')} or ${last}, not "${value}"`)
}

export function helpOf(command: Command): string {
  const rows = Object.entries({ ...command.options, ...everywhere }).map(([name, spec]) => {
    const option = `--${name}${spec.value === undefined ? '' : ` ${spec.value}`}`
    return `  ${option.padEnd(28)} ${spec.help}`
  })
  return [
    `usage: millrace ${command.usage}`,
    '',
    command.help,
    '',
    ...rows,
    '',
    'Every option can be set in the environment: --state-dir is MILLRACE_STATE_DIR.',
    exitCodes,
  ].join('\n')
}

export const exitCodes = 'Exit codes: 0 done, 1 failed while running, 2 could not begin.'
