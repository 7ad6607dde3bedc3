/** What a newcomer meets first: mistakes, each answered in one line with a way out. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { millrace, Project } from './support/millrace-command.ts'

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1'
const orders = 'topologies/orders.ts'

const could = (stderr: string) => ({ code: 2, stdout: '', stderr: `${stderr}\n` })

describe('a mistake on the command line could not begin, and says what was meant', () => {
  const seeRun = 'See `millrace run --help`.'
  test.each([
    [['frobnicate'], 'there is no command "frobnicate". See `millrace --help`.'],
    [['rum'], 'there is no command "rum"; did you mean run? See `millrace --help`.'],
    [
      ['dlq', 'frob'],
      'there is no command "dlq frob"; did you mean dlq list, dlq show, dlq stats or dlq redrive? See `millrace --help`.',
    ],
    [['run'], `<topology.ts> is missing. ${seeRun}`],
    [['run', orders, 'b.ts'], `"b.ts" is one argument too many. ${seeRun}`],
    [['kafka', 'status', 'b'], '"b" is one argument too many. See `millrace kafka status --help`.'],
    [['run', orders, '--nope'], `there is no option --nope. ${seeRun}`],
    [
      ['run', orders, '--thread', '2'],
      `there is no option --thread; did you mean --threads? ${seeRun}`,
    ],
    [['run', orders, '--threads'], `--threads needs a value. ${seeRun}`],
    [['run', orders, '--brokers', '--tls'], `--brokers needs a value. ${seeRun}`],
    [['run', orders, '--tls=yes'], `--tls takes no value. ${seeRun}`],
    [
      ['run', orders, '--threads', 'x'],
      `--threads takes a whole number from 1, not "x". ${seeRun}`,
    ],
    [
      ['run', orders, '--threads', '0'],
      `--threads takes a whole number from 1, not "0". ${seeRun}`,
    ],
    [
      ['run', orders, '--threads', '257', '--brokers', NOWHERE],
      '257 threads cannot be run. Choose a whole number from 1 to 256.',
    ],
    [
      ['run', orders, '--cache-max-bytes', '-1'],
      `--cache-max-bytes takes a whole number from 0, not "-1". ${seeRun}`,
    ],
    [
      ['run', orders, '--commit-interval', '5'],
      `--commit-interval takes a time with its unit, like 100ms, 30s or 5m, not "5". ${seeRun}`,
    ],
    [
      ['run', orders, '--commit-interval', '10s', '--brokers', NOWHERE],
      'a commit interval of 10000 ms with a transaction timeout of 10000 ms cannot be run. ' +
        'Choose a transaction timeout of at least twice the commit interval.',
    ],
    [
      ['run', orders, '--guarantee', 'maybe'],
      `--guarantee takes exactly-once or at-least-once, not "maybe". ${seeRun}`,
    ],
    [
      ['run', orders, '--sasl-mechanism', 'kerberos'],
      `--sasl-mechanism takes plain, scram-sha-256 or scram-sha-512, not "kerberos". ${seeRun}`,
    ],
    [
      ['run', orders, '--sasl-mechanism', 'plain'],
      `--sasl-mechanism needs --sasl-username too. ${seeRun}`,
    ],
    [
      ['run', orders, '--application-id', 'my orders', '--brokers', NOWHERE],
      'an application called "my orders" cannot be run. ' +
        'Use letters, digits, dots, underscores and hyphens: Kafka names its internal topics after it.',
    ],
    [
      ['run', orders, '--brokers', 'localhost'],
      '"localhost" is not the address of a broker. ' +
        "Write host and port: 'localhost:9092', '10.0.0.1:9092' or '[::1]:9092'.",
    ],
    [
      ['run', orders, '--brokers', ','],
      "no brokers are given. Name at least one: `brokers: ['localhost:9092']`, --brokers or MILLRACE_BROKERS.",
    ],
    [
      ['run', orders, '--log-file', '/dev/null/log'],
      "the log cannot be written: ENOTDIR: not a directory, open '/dev/null/log'. " +
        'Give --log-file a file that this user may write.',
    ],
    [
      ['dlq', 'show', 'orders.dead-letters', '--limit', '-5'],
      '--limit takes a whole number from 0, not "-5". See `millrace dlq show --help`.',
    ],
    [
      ['topic', 'create', 'payments'],
      '--partitions is missing. See `millrace topic create --help`.',
    ],
  ])('millrace %j', async (args, message) => {
    expect(await millrace(args)).toEqual(could(`error INVALID_CONFIG: ${message}`))
  })
})

describe('a topology that cannot be run could not begin, and is named with the line', () => {
  test.each([
    [
      'nope.ts',
      '',
      'there is no file nope.ts. Give the path of a module whose default export is a topology.',
    ],
    [
      'folder',
      '',
      'folder is not a file. Give the path of a module whose default export is a topology.',
    ],
    [
      'syntax.ts',
      'const a = 1\nconst b = (\n',
      'syntax.ts cannot be loaded: Expression expected (syntax.ts:2). Correct the line; `npx tsc --noEmit` says more.',
    ],
    [
      'enum.ts',
      'const a = 1\nenum Colour { Red }\n',
      'enum.ts cannot be loaded: TypeScript enum is not supported in strip-only mode (enum.ts:2). ' +
        'Node runs TypeScript by leaving the types out: enums, namespaces and parameter properties have to be written in another way.',
    ],
    [
      'throws.ts',
      "import { topology } from 'millrace'\n\nthrow new Error('no DATABASE_URL')\n",
      'throws.ts cannot be loaded: no DATABASE_URL (throws.ts:3). Correct the module: `--verbose` shows the whole trace.',
    ],
    [
      'typo.ts',
      "import { topology } from 'millrace'\nexport default topology('t', (builder) => {\n  builder.stram()\n})\n",
      'typo.ts cannot be loaded: builder.stram is not a function (typo.ts:3). Correct the module: `--verbose` shows the whole trace.',
    ],
    [
      'no-package.ts',
      "import _ from 'lodash'\n",
      "no-package.ts cannot be loaded: Cannot find package 'lodash' imported from $PROJECT/no-package.ts. Install it: `npm install lodash`.",
    ],
    [
      'no-file.ts',
      "import { model } from './model'\n",
      "no-file.ts cannot be loaded: Cannot find module '$PROJECT/model' imported from $PROJECT/no-file.ts. " +
        "Check the import: it names the file with its ending, './model.ts' for example.",
    ],
    [
      'nothing.ts',
      'export const a = 1\n',
      "nothing.ts has no topology as its default export. Write `export default topology('name', (builder) => { … })`.",
    ],
    [
      'named.ts',
      "import { bytes, topic, topology } from 'millrace'\nexport const clicks = topology('t', (b) => b.stream(topic('c', { key: bytes, value: bytes })))\n",
      'named.ts has no topology as its default export. "clicks" is one: add `export default clicks`.',
    ],
    [
      'twice.ts',
      [
        "import { json, string, topic, topology } from 'millrace'",
        "const clicks = topic('clicks', { key: string, value: json<number>() })",
        "export default topology('t', (builder) => {",
        "  builder.stream(clicks).groupByKey().count({ store: 'n' })",
        "  builder.stream(clicks).groupByKey().count({ store: 'n' })",
        '})',
      ].join('\n'),
      'store "n" is declared twice (twice.ts:5). Give each stateful step its own store name; a global store is read without being declared.',
    ],
  ])('%s', async (file, text, message) => {
    using project = new Project(text === '' ? { 'folder/a.ts': '' } : { [file]: text })
    const { code, stdout, stderr } = await project.millrace(['run', file])
    const shown = stderr.replaceAll(project.folder, '$PROJECT').replaceAll('/private$', '$')
    expect({ code, stdout, stderr: shown }).toEqual(could(`error INVALID_TOPOLOGY: ${message}`))
  })

  test('in a package that says nothing: Node tells how to spare it the search, and it works', async () => {
    using project = new Project({
      'package.json': '{}',
      'clicks.ts': [
        "import { bytes, topic, topology } from 'millrace'",
        "const clicks = topic('clicks', { key: bytes, value: bytes })",
        "export default topology('t', (builder) => builder.stream(clicks))",
      ].join('\n'),
    })
    const { code, stdout, stderr } = await project.millrace(['topology', 'describe', 'clicks.ts'])
    expect(code).toBe(0)
    expect(stdout).toContain('Topology: t\n')
    expect(stderr).toMatch(/^Warning: Module type of .* add "type": "module" to .*package.json.\n$/)
  })

  test('in a package of CommonJS modules: the way to ES modules', async () => {
    using project = new Project({
      'package.json': '{"type":"commonjs"}',
      'clicks.ts': "import { topology } from 'millrace'\nexport default topology('t', () => {})\n",
    })
    const { code, stderr } = await project.millrace(['topology', 'describe', 'clicks.ts'])
    expect(code).toBe(2)
    expect(stderr).toBe(
      'error INVALID_TOPOLOGY: clicks.ts cannot be loaded: Cannot use import statement outside a module. ' +
        'Make the package one of ES modules: `npm pkg set type=module`.\n',
    )
  })
})

describe('what is not there could not begin', () => {
  test('a broker', async () => {
    expect(await millrace(['run', orders, '--brokers', NOWHERE])).toEqual(
      could(
        `error BROKER_UNREACHABLE: no broker answers at ${NOWHERE} (connect ECONNREFUSED ${NOWHERE}). ` +
          'Start Kafka (`millrace kafka start` for a local one) or check --brokers.',
      ),
    )
  })

  test('Java', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'millrace-path-'))
    symlinkSync(process.execPath, join(bin, 'node'))
    const env = { PATH: bin, JAVA_HOME: undefined, KAFKA_BROKERS: undefined }
    expect(await millrace(['kafka', 'start'], { env })).toEqual(
      could(
        'error KAFKA_UNAVAILABLE: there is no Kafka to run on: no Java is installed. ' +
          'Install Java 17 and Maven ("apt install default-jre-headless maven", ' +
          '"brew install openjdk maven"), start Docker, or set KAFKA_BROKERS=host:port.',
      ),
    )
    rmSync(bin, { recursive: true })
  })
})

test('--verbose adds the stack trace, and what caused the error', async () => {
  for (const how of [{ args: ['--verbose'] }, { args: [], env: { MILLRACE_VERBOSE: 'true' } }]) {
    const { code, stderr } = await millrace(['run', orders, '--brokers', NOWHERE, ...how.args], how)
    expect(code).toBe(2)
    const [line, ...trace] = stderr.split('\n')
    expect(line).toContain('error BROKER_UNREACHABLE: no broker answers')
    expect(trace[0]).toContain('StreamsError: no broker answers')
    expect(trace.filter((each) => each.includes('because of KafkaError'))).toHaveLength(1)
  }
})

describe('every option has an environment variable', () => {
  const bad: Readonly<Record<string, string>> = {
    MILLRACE_BROKERS: 'localhost',
    MILLRACE_TLS: 'maybe',
    MILLRACE_SASL_MECHANISM: 'kerberos',
    MILLRACE_APPLICATION_ID: 'my orders',
    MILLRACE_THREADS: 'many',
    MILLRACE_GUARANTEE: 'some',
    MILLRACE_COMMIT_INTERVAL: 'often',
    MILLRACE_CHECKPOINT_INTERVAL: 'often',
    MILLRACE_CACHE_MAX_BYTES: 'much',
    MILLRACE_SESSION_TIMEOUT: 'long',
    MILLRACE_TRANSACTION_TIMEOUT: 'long',
    MILLRACE_COMPRESSION: 'strong',
    MILLRACE_REPLICATION_FACTOR: 'some',
    MILLRACE_LINGER: 'a bit',
    MILLRACE_LOG_LEVEL: 'loud',
    MILLRACE_LOG_FORMAT: 'pretty please',
    MILLRACE_LOG_FILE: '/dev/null/log',
  }

  test.each(Object.entries(bad))('%s=%j is found wanting', async (name, value) => {
    const { code, stderr } = await millrace(['run', orders], {
      env: { MILLRACE_BROKERS: NOWHERE, [name]: value },
    })
    expect(code).toBe(2)
    expect(stderr).toContain('error INVALID_CONFIG: ')
    expect(stderr).toContain(value)
    expect(stderr.trimEnd()).not.toContain('\n')
  })

  test('and the command line wins', async () => {
    const env = { MILLRACE_BROKERS: 'localhost', MILLRACE_TLS: '' }
    const { stderr } = await millrace(['run', orders, '--brokers', NOWHERE], { env })
    expect(stderr).toContain(`no broker answers at ${NOWHERE}`)
  })
})

describe('help', () => {
  const commands = [
    'run',
    'dlq list',
    'dlq show',
    'topology describe',
    'topic create',
    'kafka start',
    'kafka stop',
    'kafka status',
  ]

  test('lists the commands and the exit codes; nothing to do is no success', async () => {
    const help = await millrace(['--help'])
    expect(help.code).toBe(0)
    for (const command of commands) expect(help.stdout).toContain(`\n  ${command}`)
    expect(help.stdout).toContain(
      'Exit codes: 0 done, 1 failed while running, 2 could not begin.\n',
    )
    expect(await millrace(['help'])).toEqual(help)
    expect(await millrace([])).toEqual({ code: 2, stdout: '', stderr: help.stdout })
  })

  test.each(commands)('millrace %s --help', async (command) => {
    const help = await millrace([...command.split(' '), '--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain(`usage: millrace ${command}`)
    expect(help.stdout).toContain('--verbose')
    for (const line of help.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    expect(await millrace(['help', ...command.split(' ')])).toEqual(help)
  })
})
