import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bytes, entriesOf, stateBackendContract } from '../backend.contract.ts'
import type { ByteEntry } from '../backend.ts'
import { openLmdbBackend } from './lmdb-backend.ts'
import { notedPosition } from './noted-position.ts'

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-lmdb-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

stateBackendContract('the LMDB backend', async () => {
  const directory = await temporaryDirectory()
  const backend = openLmdbBackend(directory.path)
  return {
    backend,
    [Symbol.asyncDispose]: async () => {
      await backend.close()
      await directory[Symbol.asyncDispose]()
    },
  }
})

const manyRows = (value: string): ByteEntry[] =>
  Array.from({ length: 1_000 }, (_, index) => [
    bytes(String(index).padStart(6, '0')),
    bytes(value.padEnd(200)),
  ])

async function write(path: string, position: number): Promise<void> {
  const backend = openLmdbBackend(path)
  backend.checkpoint([{ store: 'orders', entries: manyRows(String(position)), position }])
  await backend.close()
}

describe('an LMDB backend on disk', () => {
  test('says what it takes there', async () => {
    await using directory = await temporaryDirectory()
    const backend = openLmdbBackend(directory.path)
    const before = backend.diskBytes()
    backend.checkpoint([{ store: 'orders', entries: manyRows('1'), position: 1 }])
    expect(before).toBeGreaterThan(0)
    // Two hundred bytes a row and their keys, at least.
    expect(backend.diskBytes() - before).toBeGreaterThan(200_000)
    await backend.close()
  })

  test('keeps rows, deletes, wipes and positions for the next time', async () => {
    await using directory = await temporaryDirectory()
    const long = Buffer.alloc(3_000, 'k')
    const first = openLmdbBackend(directory.path)
    const entries: ByteEntry[] = [
      [bytes(''), bytes('empty')],
      [bytes('a'), bytes('1')],
      [long, bytes('long')],
    ]
    first.checkpoint([{ store: 'orders', entries, position: 7 }])
    first.checkpoint([{ store: 'orders', entries: [[bytes('a'), null]], position: 8 }])
    first.checkpoint([{ store: 'payments', entries, position: 3, origin: 'topic 7' }])
    first.wipe('payments')
    await first.close()

    const second = openLmdbBackend(directory.path)
    expect(entriesOf(second.store('orders'))).toEqual([
      ['', 'empty'],
      [long.toString(), 'long'],
    ])
    expect(entriesOf(second.store('payments'))).toEqual([])
    expect(['orders', 'payments'].map(second.position)).toEqual([8, undefined])
    await second.close()
  })

  test('may be in a directory with a dot in its name, made when it is opened', async () => {
    await using directory = await temporaryDirectory()
    const path = join(directory.path, 'shop.v2', '0_1')
    await write(path, 1)
    expect((await stat(join(path, 'data.mdb'))).isFile()).toBe(true)
  })

  test('is written by whoever has opened it last', async () => {
    await using directory = await temporaryDirectory()
    const first = openLmdbBackend(directory.path)
    const batch = (value: string, position: number) => [
      { store: 'orders', entries: [[bytes('a'), bytes(value)] as const], position },
    ]
    first.checkpoint(batch('old', 1))
    const second = openLmdbBackend(directory.path)
    second.checkpoint(batch('new', 9))
    expect(() => first.checkpoint(batch('late', 2))).toThrow(
      expect.objectContaining({ code: 'TASK_MIGRATED' }),
    )
    await first.close()
    second.checkpoint(batch('newer', 10))
    expect(entriesOf(second.store('orders'))).toEqual([['a', 'newer']])
    await second.close()
    const third = openLmdbBackend(directory.path)
    expect(third.position('orders')).toBe(10)
    await third.close()
  })

  test('tells how far it is without being opened', async () => {
    await using directory = await temporaryDirectory()
    const { path } = directory
    expect(notedPosition(path)).toBe(0)
    const backend = openLmdbBackend(path)
    const row: ByteEntry = [bytes('a'), bytes('1')]
    backend.checkpoint([
      { store: 'orders', entries: [row], position: 3_000 },
      { store: 'payments', entries: [row], position: 50 },
    ])
    expect(notedPosition(path)).toBe(3_050)
    // Not at every checkpoint, but when it is closed, and never more than there is.
    backend.checkpoint([{ store: 'payments', entries: [row], position: 90 }])
    expect(notedPosition(path)).toBe(3_050)
    await backend.close()
    expect(notedPosition(path)).toBe(3_090)
    const again = openLmdbBackend(path)
    again.wipe('orders')
    expect(notedPosition(path)).toBe(90)
    await again.close()
  })

  test('grows with its data', async () => {
    await using directory = await temporaryDirectory()
    const backend = openLmdbBackend(directory.path)
    const value = Buffer.alloc(1_000, 'v')
    for (let position = 1; position <= 10; position++) {
      const entries = Array.from(
        { length: 2_000 },
        (_, index) => [bytes(`${position}-${index}`.padStart(12, '0')), value] as const,
      )
      backend.checkpoint([{ store: 'orders', entries, position }])
    }
    expect([...backend.store('orders').range(null, null, 'forward')]).toHaveLength(20_000)
    await backend.close()
  })

  test('does not grow because a range was left unfinished', async () => {
    await using directory = await temporaryDirectory()
    const backend = openLmdbBackend(directory.path)
    const size = async (): Promise<number> => (await stat(join(directory.path, 'data.mdb'))).size
    const rewrite = (times: number): void => {
      for (let position = 1; position <= times; position++) {
        const entries = manyRows(String(position))
        backend.checkpoint([{ store: 'orders', entries, position }])
      }
    }
    rewrite(10)
    const before = await size()
    const abandoned = backend.store('orders').range(null, null, 'forward')
    abandoned.next()
    rewrite(50)
    expect(await size()).toBeLessThan(before * 2)
    await backend.close()
  })
})

describe('a directory that LMDB cannot use', () => {
  test('is unusable where a file stands in its place', async () => {
    await using directory = await temporaryDirectory()
    await writeFile(join(directory.path, 'file'), '')
    expect(() => openLmdbBackend(join(directory.path, 'file', '0_1'))).toThrow(
      expect.objectContaining({ code: 'STATE_DIRECTORY_UNUSABLE' }),
    )
  })

  test('is unusable where its data file cannot be opened', async () => {
    await using directory = await temporaryDirectory()
    await mkdir(join(directory.path, 'data.mdb'))
    expect(() => openLmdbBackend(directory.path)).toThrow(
      expect.objectContaining({ code: 'STATE_DIRECTORY_UNUSABLE' }),
    )
  })

  test('is corrupted where its data file is something else', async () => {
    await using directory = await temporaryDirectory()
    await writeFile(join(directory.path, 'data.mdb'), 'no database '.repeat(1_000))
    expect(() => openLmdbBackend(directory.path)).toThrow(
      expect.objectContaining({ code: 'STATE_CORRUPTED' }),
    )
  })

  test('is corrupted where its data file was cut short', async () => {
    await using directory = await temporaryDirectory()
    const whole = join(directory.path, 'whole')
    await write(whole, 1)
    const { size } = await stat(join(whole, 'data.mdb'))
    for (const kept of [100, 4_096, 8_192, Math.floor(size / 2)]) {
      const cut = join(directory.path, `cut-${kept}`)
      await cp(whole, cut, { recursive: true })
      await truncate(join(cut, 'data.mdb'), kept)
      expect(() => openLmdbBackend(cut)).toThrow(
        expect.objectContaining({ code: 'STATE_CORRUPTED' }),
      )
    }
  })

  test('loses nothing when the disk is full, and takes no more', async () => {
    await using directory = await temporaryDirectory()
    const child = fileURLToPath(new URL('./lmdb-disk-full-child.fixture.ts', import.meta.url))
    // The shell's limit of the file size, 1 MiB, stands for the disk's.
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      `trap '' XFSZ; ulimit -f 1024; exec "$0" "$@"`,
      process.execPath,
      child,
      directory.path,
    ])
    expect(JSON.parse(stdout)).toEqual([
      'written',
      'STATE_DIRECTORY_UNUSABLE',
      'STATE_DIRECTORY_UNUSABLE',
    ])

    const backend = openLmdbBackend(directory.path)
    expect(backend.position('orders')).toBe(1)
    expect(entriesOf(backend.store('orders'))).toHaveLength(10)
    await backend.close()
    await write(directory.path, 2)
  })
})
