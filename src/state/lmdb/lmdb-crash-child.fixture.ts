import { openLmdbBackend } from './lmdb-backend.ts'

/*
 * Started by a test, to be killed: checkpoints for ever, each one writing its number into every
 * entry of two stores, and then the number to the standard output.
 */
const [directory = '', entryCount = ''] = process.argv.slice(2)
const backend = openLmdbBackend(directory)
const keys = Array.from({ length: Number(entryCount) }, (_, index) =>
  Buffer.from(String(index).padStart(6, '0')),
)
for (let number = (backend.position('orders') ?? 0) + 1; ; number++) {
  // Of varying lengths, so that rows move between pages.
  const value = Buffer.from(`${number} `.padEnd(20 + ((number * 37) % 200), '.'))
  const entries = keys.map((key) => [key, value] as const)
  backend.checkpoint([
    { store: 'orders', entries, position: number },
    { store: 'payments', entries, position: number },
  ])
  process.stdout.write(`${number}\n`)
}
