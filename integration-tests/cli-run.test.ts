/** `millrace run` on a real Kafka: how it begins, why it cannot, what ends it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, start } from './support/millrace-command.ts'
import { canMount, SmallDisk } from './support/small-disk.ts'

const brokers = inject('kafkaBrokers')
const RUNNING = 'application running'

/** Counts clicks by page; every name begins with the given one. */
const counting = (name: string): string => `
  import { deadLetters, json, string, topic, topology } from 'millrace'
  const clicks = topic('${name}.clicks', { key: string, value: json<number>() })
  const totals = topic('${name}.totals', { key: string, value: json<number>() })
  export default topology('${name}', { deadLetters: deadLetters('${name}.failed') }, (builder) => {
    builder.stream(clicks).groupByKey().count({ store: 'counts' }).toStream().to(totals)
  })`

const topicsOf = (name: string): readonly string[] =>
  ['clicks', 'totals', 'failed'].map((topic) => `${name}.${topic}`)

/** A project with a topology whose topics are there. */
async function counter(): Promise<{ project: Project; name: string; args: readonly string[] }> {
  const name = uniqueName()
  await using port = await connectTo(brokers)
  await createTopics(port, topicsOf(name), 2)
  const args = ['run', 'counting.ts', '--brokers', brokers.join(',')]
  return { project: new Project({ 'counting.ts': counting(name) }), name, args }
}

const messages = (stdout: string): readonly string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { readonly msg: string }).msg)

describe('an application', () => {
  test('whose topics are missing says how to create them, and then runs until SIGTERM', async () => {
    const name = uniqueName()
    using project = new Project({ 'counting.ts': counting(name) })
    const env = { MILLRACE_BROKERS: brokers.join(',') }
    const refused = await project.millrace(['run', 'counting.ts'], env)
    expect(refused).toMatchObject({
      code: 2,
      stderr:
        `error TOPIC_MISSING: source topic "${name}.clicks" does not exist. ` +
        `Create it before the application starts: \`millrace topic create ${name}.clicks --partitions <count>\`.\n`,
    })
    expect(refused.stdout).not.toContain('    at ')

    const create = ['topic', 'create', ...topicsOf(name), '--partitions', '2']
    expect(await project.millrace(create, env)).toEqual({
      code: 0,
      stdout: topicsOf(name)
        .map((topic) => `${topic}: created with 2 partitions\n`)
        .join(''),
      stderr: '',
    })
    const again = ['topic', 'create', `${name}.clicks`, '--partitions', '3']
    expect(await project.millrace(again, env)).toEqual({
      code: 1,
      stdout: `${name}.clicks: there already, with 2 partitions\n`,
      stderr: '',
    })

    await using app = project.start(['run', 'counting.ts'], env)
    await app.says(RUNNING)
    app.signal('SIGTERM')
    const { code, stdout, stderr } = await app.finished
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(messages(stdout)).toContain('application not-running')
  })

  test('ends cleanly at a Ctrl-C that comes twice at once, as from npx', async () => {
    const { project, args } = await counter()
    using _ = project
    await using app = project.start(args)
    await app.says(RUNNING)
    app.signal('SIGINT')
    app.signal('SIGINT')
    const { code, stdout } = await app.finished
    expect(code).toBe(0)
    expect(messages(stdout).at(-1)).toBe('application not-running')
  })

  test('whose topics meet must have equally many partitions', async () => {
    const name = uniqueName()
    await using port = await connectTo(brokers)
    await createTopics(port, [`${name}.a`], 2)
    await createTopics(port, [`${name}.b`], 3)
    using project = new Project({
      'merging.ts': `
        import { bytes, topic, topology } from 'millrace'
        const serdes = { key: bytes, value: bytes }
        export default topology('${name}', (builder) => {
          const both = builder.stream(topic('${name}.a', serdes)).merge(builder.stream(topic('${name}.b', serdes)))
          both.groupByKey().count({ store: 'counts' })
        })`,
    })
    const args = ['run', 'merging.ts', '--brokers', brokers.join(',')]
    expect(await project.millrace(args)).toMatchObject({
      code: 2,
      stderr:
        `error TOPIC_MISMATCHED: topics "${name}.a" and "${name}.b" meet in a store or join ` +
        'and must have equally many partitions, but have 2 and 3. Send one of them through ' +
        '.repartition({ name, partitions }) with the partition count of the other.\n',
    })
  })

  test('that loses the topic it writes to ends, and names it', async () => {
    const { project, name, args } = await counter()
    using _ = project
    await using port = await connectTo(brokers)
    await using app = project.start(args)
    await app.says(RUNNING)
    await port.deleteTopics([`${name}.totals`])
    await write(port, `${name}.clicks`, [['page', '1']])
    expect(await app.finished).toMatchObject({
      code: 1,
      stderr: `error TOPIC_MISSING: the topic "${name}.totals" does not exist. Create "${name}.totals" or correct its name in the topology.\n`,
    })
  })

  test('that loses the topic it reads says so, and goes on', async () => {
    const { project, name, args } = await counter()
    using _ = project
    await using port = await connectTo(brokers)
    await using app = project.start(args)
    await app.says(RUNNING)
    await port.deleteTopics([`${name}.clicks`])
    await app.says('topics are missing or have no leader, still looking')
    expect(app.stdout()).toContain(`"topics":["${name}.clicks"]`)
    app.signal('SIGTERM')
    expect((await app.finished).code).toBe(0)
  })

  test('whose instance id another process takes ends, and says what to give', async () => {
    const { project, name, args } = await counter()
    using _ = project
    const static_ = [...args, '--instance-id', 'one', '--session-timeout', '6s', '--state-dir']
    await using first = project.start([...static_, 'state-1'])
    await first.says(RUNNING)
    await using second = project.start([...static_, 'state-2'])
    const { code, stderr } = await first.finished
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'error INVALID_CONFIG: another process has joined the group with the same instance id: ' +
        `joining group "${name}" failed with FENCED_INSTANCE_ID. ` +
        'Give each process an instance id of its own (--instance-id).\n',
    })
    await second.says(RUNNING)
  })

  test.each([
    [['--tls'], 'BROKER_UNREACHABLE', 'does this listener want TLS or SASL?'],
    [
      ['--sasl-mechanism', 'plain', '--sasl-username', 'ada', '--sasl-password', 'secret'],
      'BROKER_REFUSED',
      'Check the user, the password and the TLS settings.',
    ],
  ])('that a broker does not let in with %j says why', async (options, code, words) => {
    const { project, args } = await counter()
    using _ = project
    const finished = await project.millrace([...args, ...options])
    expect(finished).toMatchObject({ code: 2, stdout: '' })
    expect(finished.stderr).toMatch(new RegExp(`^error ${code}: .*\\n$`))
    expect(finished.stderr).toContain(words)
    expect(finished.stderr).not.toContain('secret')
  })
})

describe('a state directory', () => {
  const refused = (reason: string) =>
    `error STATE_DIRECTORY_UNUSABLE: the state directory ${reason}. ` +
    'Give --state-dir a directory on a disk with space that this user may write.\n'

  test('that cannot be made is refused at once', async () => {
    const { project, name, args } = await counter()
    using _ = project
    writeFileSync(project.path('file'), '')
    const below = await project.millrace([...args, '--state-dir', 'file/state'])
    expect(below).toEqual({
      code: 2,
      stdout: '',
      stderr: refused(
        `file/state/${name} cannot be used: ENOTDIR: not a directory, mkdir 'file/state'`,
      ),
    })
  })

  // Only Linux has /proc, where Node's own recursive mkdir never returns.
  test.runIf(process.platform === 'linux')('below /proc is refused at once', async () => {
    const { project, name, args } = await counter()
    using _ = project
    expect(await project.millrace([...args, '--state-dir', '/proc/state'])).toEqual({
      code: 2,
      stdout: '',
      stderr: refused(
        `/proc/state/${name} cannot be used: ENOENT: no such file or directory, mkdir '/proc/state'`,
      ),
    })
  })

  test('that another process works in is locked, until that process is gone', async () => {
    const counting = await counter()
    const { project, name } = counting
    using _ = project
    const args = [...counting.args, '--session-timeout', '6s']
    await using first = project.start(args)
    await first.says(RUNNING)
    const second = await project.millrace(args)
    expect({ ...second, stderr: second.stderr.replace(/process \d+/, 'process N') }).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error STATE_DIRECTORY_LOCKED: process N works in this state directory: ' +
        `it holds .millrace/${name}/lock. ` +
        'Give each process a state directory of its own (--state-dir), or wait until the other one has stopped.\n',
    })
    first.signal('SIGKILL')
    await first.finished
    await using third = project.start(args)
    await third.says(RUNNING)
  })

  // A file system of a few pages can only be mounted by root, on Linux.
  describe.runIf(canMount())('on a disk', () => {
    test('without space is refused at once', async () => {
      const { project, args } = await counter()
      using _ = project
      using disk = new SmallDisk('size=4k')
      writeFileSync(join(disk.path, 'full'), 'x'.repeat(4_096))
      const finished = await project.millrace([...args, '--state-dir', disk.path])
      expect(finished).toMatchObject({ code: 2, stdout: '' })
      expect(finished.stderr).toContain('cannot be used: ENOSPC: no space left on device')
    })

    test('that may not be written is refused at once', async () => {
      const { project, args } = await counter()
      using _ = project
      using disk = new SmallDisk('size=4k,ro')
      const finished = await project.millrace([...args, '--state-dir', disk.path])
      expect(finished).toMatchObject({ code: 2, stdout: '' })
      expect(finished.stderr).toContain('cannot be used: EROFS: read-only file system')
    })

    // Where the space runs out depends on timing, and once in some forty runs the application did
    // not end by itself: tried again, so that it fails only if it always does.
    const again = { retry: 2, timeout: 40_000 }
    test('that gets full ends the application, and says so', again, async () => {
      const { project, name, args } = await counter()
      using _ = project
      using disk = new SmallDisk('size=400k')
      await using port = await connectTo(brokers)
      const clicks = Array.from({ length: 60_000 }, (_, n) => [`page-${n}`, '1'] as const)
      await write(port, `${name}.clicks`, clicks)
      const often = ['--checkpoint-interval', '300ms', '--state-dir', disk.path]
      const finished = await project.millrace([...args, ...often])
      expect(finished.code).toBe(1)
      expect(finished.stderr).toMatch(
        // LMDB may have had its say, on the same line.
        /error STATE_DIRECTORY_UNUSABLE: the local store in .* cannot be used, .*Free some .*\n$/,
      )
    })
  })
})

describe('the log', () => {
  test('goes to a file if one is named', async () => {
    const { project, args } = await counter()
    using _ = project
    await using app = project.start([...args, '--log-file', 'app.log', '--log-level', 'info'])
    const log = (): string => {
      try {
        return readFileSync(project.path('app.log'), 'utf8')
      } catch {
        return ''
      }
    }
    await expect.poll(log, { timeout: 30_000, interval: 100 }).toContain(RUNNING)
    app.signal('SIGTERM')
    expect(await app.finished).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(messages(log()).at(-1)).toBe('application not-running')
  })

  // script(1) of other systems takes other arguments.
  test.runIf(process.platform === 'linux')(
    'is for a person on a terminal: a line each',
    async () => {
      const { project, args } = await counter()
      using _ = project
      const millrace = `${process.execPath} ${project.path('node_modules/millrace/src/cli/millrace.mjs')}`
      const command = `${millrace} ${args.join(' ')} --session-timeout 6s`
      await using app = start('script', ['-qec', `NO_COLOR=1 ${command}`, '/dev/null'], {
        cwd: project.folder,
      })
      await app.says(RUNNING)
      const lines = app.stdout().split('\r\n').slice(0, -1)
      for (const line of lines) expect(line).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: [a-z]/)
      expect(lines.map((line) => line.slice(11))).toContain('INFO: application running')
    },
  )
})
