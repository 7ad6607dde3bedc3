import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { corrupted, lmdbFailure } from './lmdb-errors.ts'

const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
/** Where LMDB keeps what, in a page of metadata (`struct MDB_meta` after a page header). */
const AT = { magic: 24, version: 28, pageSize: 48, freeRoot: 88, mainRoot: 136, transaction: 152 }
const META_BYTES = 160
const NO_PAGE = 2n ** 64n - 1n
/** Of `blocks`, by POSIX. */
const BLOCK_BYTES = 512
/** More than LMDB writes to make a new environment. */
const NEW_BYTES = 128 * 1024

/**
 * Makes the directory, and makes sure that LMDB can open it: where `mdb_env_open` fails, lmdb-js
 * 3.5.6 uses memory it has freed, and where the file ends before a page that is asked for, the
 * memory map does not give an error. Either is the end of the process. Throws what {@link
 * openLmdbBackend} throws.
 */
export function checkDataFile(directory: string): void {
  const path = join(directory, 'data.mdb')
  const files: number[] = []
  try {
    mkdirSync(directory, { recursive: true })
    // All that LMDB will open, at the same time: the process may be short of file descriptors.
    for (const name of ['data.mdb', 'data.mdb', 'lock.mdb', 'lock.mdb']) {
      files.push(openSync(join(directory, name), constants.O_RDWR | constants.O_CREAT, 0o664))
    }
    const size = fstatSync(files[0]!).size
    if (size === 0) checkSpace(join(directory, 'space-check'))
    else if (!isWhole(files[0]!, size)) throw corrupted(directory, `${path} is not what LMDB wrote`)
  } catch (error) {
    throw lmdbFailure(directory, 'opening it', error)
  } finally {
    for (const file of files) closeSync(file)
  }
}

/** What it takes on the disk: LMDB never gives any of it back, but uses it again. */
export function dataFileBytes(directory: string): number {
  const file = statSync(join(directory, 'data.mdb'), { throwIfNoEntry: false })
  return file === undefined ? 0 : file.blocks * BLOCK_BYTES
}

function checkSpace(path: string): void {
  const file = openSync(path, 'w')
  try {
    writeSync(file, Buffer.alloc(NEW_BYTES))
    fsyncSync(file)
  } finally {
    closeSync(file)
    rmSync(path)
  }
}

/** Both pages of metadata are there, and so are the pages that the newer one points to. */
function isWhole(file: number, size: number): boolean {
  const first = readMeta(file, 0)
  const second = first === undefined ? undefined : readMeta(file, first.pageSize)
  if (first === undefined || second === undefined) return false
  const { roots } = second.transaction > first.transaction ? second : first
  const pages = BigInt(Math.floor(size / first.pageSize))
  return pages >= 2n && roots.every((root) => root === NO_PAGE || root < pages)
}

interface Meta {
  readonly pageSize: number
  readonly transaction: bigint
  /** Of the free pages and of the names of the sub-databases. */
  readonly roots: readonly bigint[]
}

function readMeta(file: number, position: number): Meta | undefined {
  const meta = Buffer.alloc(META_BYTES)
  const isMeta =
    readSync(file, meta, 0, META_BYTES, position) === META_BYTES &&
    meta.readUInt32LE(AT.magic) === MAGIC &&
    (meta.readUInt32LE(AT.version) & 0xffff) === DATA_VERSION &&
    meta.readUInt32LE(AT.pageSize) > 0
  if (!isMeta) return undefined
  return {
    pageSize: meta.readUInt32LE(AT.pageSize),
    transaction: meta.readBigUInt64LE(AT.transaction),
    roots: [meta.readBigUInt64LE(AT.freeRoot), meta.readBigUInt64LE(AT.mainRoot)],
  }
}
