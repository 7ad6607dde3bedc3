import { isStreamsError } from '../../core/errors.ts'
import { openLmdbBackend } from './lmdb-backend.ts'

/*
 * Started by a test under a limit of the file size, to be refused: writes a small checkpoint, then
 * a large one and a small one, and prints how each went.
 */
const backend = openLmdbBackend(process.argv[2] ?? '')
const write = (position: number, count: number): string => {
  const entries = Array.from(
    { length: count },
    (_, index) =>
      [Buffer.from(String(index).padStart(6, '0')), Buffer.alloc(500, position)] as const,
  )
  try {
    backend.checkpoint([{ store: 'orders', entries, position }])
    return 'written'
  } catch (error) {
    return isStreamsError(error) ? error.code : String(error)
  }
}
const outcomes = [write(1, 10), write(2, 100_000), write(3, 1)]
await backend.close()
process.stdout.write(JSON.stringify(outcomes))
