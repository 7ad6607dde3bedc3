import { isStreamsError, messageOf, StreamsError } from '../../core/errors.ts'

/** `MDB_…` codes that say that the file is not what was written to it. */
const corruptedCodes = new Set([
  -30_797, // MDB_PAGE_NOTFOUND
  -30_796, // MDB_CORRUPTED
  -30_795, // MDB_PANIC
  -30_794, // MDB_VERSION_MISMATCH
  -30_793, // MDB_INVALID
  -30_784, // MDB_INCOMPATIBLE
  -30_782, // MDB_BAD_TXN: a page in the middle of a read is of the wrong kind
  -30_779, // MDB_PROBLEM
])

/** What LMDB or the operating system says about a directory, in our words. */
export function lmdbFailure(directory: string, doing: string, error: unknown): StreamsError {
  if (isStreamsError(error)) return error
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'number' && corruptedCodes.has(code)
    ? corrupted(directory, `${doing}: ${messageOf(error)}`, error)
    : new StreamsError('STATE_DIRECTORY_UNUSABLE', {
        message: `the local store in ${directory} cannot be used, ${doing}: ${messageOf(error)}`,
        hint: 'Free some space on the disk, and let this user read and write the state directory.',
        cause: error,
      })
}

export const corrupted = (directory: string, what: string, cause?: unknown): StreamsError =>
  new StreamsError('STATE_CORRUPTED', {
    message: `the local store in ${directory} is corrupted, ${what}`,
    hint: 'Delete this directory: the store is restored from its changelog.',
    cause,
  })
