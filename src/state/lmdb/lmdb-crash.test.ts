import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { openLmdbBackend } from './lmdb-backend.ts'

const ENTRIES = 1_500
const KILLS = 12

/** Runs the child until it reported so many checkpoints, kills it, and returns the last number. */
async function killedAfter(directory: string, checkpoints: number): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('./lmdb-crash-child.fixture.ts', import.meta.url)),
      directory,
      String(ENTRIES),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  let seen = 0
  let last = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (++seen === checkpoints) child.kill('SIGKILL')
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return last
}

/** What each store holds: its position, how many rows, and the numbers in them. */
async function contents(directory: string): Promise<object> {
  const backend = openLmdbBackend(directory)
  try {
    return Object.fromEntries(
      ['orders', 'payments'].map((name) => {
        const rows = [...backend.store(name).range(null, null, 'forward')]
        const numbers = new Set(
          rows.map(([, value]) => Number.parseInt(Buffer.from(value).toString())),
        )
        return [
          name,
          { position: backend.position(name), rows: rows.length, numbers: [...numbers] },
        ]
      }),
    )
  } finally {
    await backend.close()
  }
}

test('a process that is killed leaves whole checkpoints, and all that were reported', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lmdb-crash-'))
  const random = seededRandom(20_260_401)
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const reported = await killedAfter(directory, 1 + Math.floor(random() * 12))
      const found = await contents(directory)
      const { position } = (found as Record<string, { readonly position: number }>)['orders']!
      expect(position).toBeGreaterThanOrEqual(reported)
      const whole = { position, rows: ENTRIES, numbers: [position] }
      expect(found).toEqual({ orders: whole, payments: whole })
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}, 120_000)
