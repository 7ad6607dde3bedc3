import { parseArgs } from 'node:util'
import { StreamsError } from '../../src/core/errors.ts'

export interface DemoOptions {
  /** The case study. */
  readonly name: 'orders' | 'risk'
  /** Input records to generate; 0 goes on until Ctrl-C. */
  readonly records: number
  /** Records a second. */
  readonly rate: number
  readonly seed: number
  /** Kill and restart the worker while it runs. */
  readonly kill: boolean
  readonly inMemory: boolean
  /** No screen; one line of JSON at the end. */
  readonly json: boolean
}

export const demoUsage = `usage: npm start -- [orders|risk] [options]

  orders         orders and their payments; the default
  risk           transactions of users, watched for fraud

  --records N    input records to generate (20000); 0 goes on until Ctrl-C
  --rate N       records a second (2500)
  --seed N       of the generated input (1)
  --kill         kill -9 and restart the worker while it runs
  --in-memory    on a simulated cluster: no Java, no Docker, no sockets
  --json         no screen; ends with one line of JSON`

export function demoOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values, positionals } = parse(args)
  if (values.help === true) return 'help'
  const [name = 'orders', ...others] = positionals
  if ((name !== 'orders' && name !== 'risk') || others.length > 0) {
    throw bad(`there is no demo "${positionals.join(' ')}"`)
  }
  return {
    name,
    records: whole('records', values.records ?? '20000', 0),
    rate: whole('rate', values.rate ?? '2500', 1),
    seed: whole('seed', values.seed ?? '1', 0),
    kill: values.kill ?? false,
    inMemory: values['in-memory'] ?? false,
    json: values.json ?? false,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        records: { type: 'string' },
        rate: { type: 'string' },
        seed: { type: 'string' },
        kill: { type: 'boolean' },
        'in-memory': { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw bad(error instanceof Error ? (error.message.split('.')[0] ?? '') : String(error))
  }
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw bad(`--${name} takes a whole number from ${least}, not "${text}"`)
}

const bad = (message: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', { message, hint: 'See `npm start -- --help`.' })
