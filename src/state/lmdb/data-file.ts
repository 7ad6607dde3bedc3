import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
/** Where LMDB keeps what, in a page of metadata (`struct MDB_meta` after a page header). */
const AT = { magic: 24, version: 28, pageSize: 48, freeRoot: 88, mainRoot: 136, transaction: 152 }
const META_BYTES = 160
const NO_PAGE = 2n ** 64n - 1n

/**
 * Whether a data file ends before a page that its metadata points to. LMDB maps the file: to read
 * beyond the end would not be an error but the end of the process (SIGBUS). A file that is missing,
 * or nothing that LMDB wrote, is for LMDB to judge.
 */
export function isCutShort(path: string): boolean {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return false
  }
  try {
    const first = readMeta(file, 0)
    if (first === undefined) return false
    const second = readMeta(file, first.pageSize)
    const latest = second !== undefined && second.transaction > first.transaction ? second : first
    const pages = BigInt(Math.floor(fstatSync(file).size / first.pageSize))
    return latest.roots.some((root) => root !== NO_PAGE && root >= pages)
  } finally {
    closeSync(file)
  }
}

function readMeta(
  file: number,
  position: number,
):
  | { readonly pageSize: number; readonly transaction: bigint; readonly roots: readonly bigint[] }
  | undefined {
  const meta = Buffer.alloc(META_BYTES)
  const isMeta =
    readSync(file, meta, 0, META_BYTES, position) === META_BYTES &&
    meta.readUInt32LE(AT.magic) === MAGIC &&
    (meta.readUInt32LE(AT.version) & 0xffff) === DATA_VERSION
  if (!isMeta) return undefined
  return {
    pageSize: meta.readUInt32LE(AT.pageSize),
    transaction: meta.readBigUInt64LE(AT.transaction),
    roots: [meta.readBigUInt64LE(AT.freeRoot), meta.readBigUInt64LE(AT.mainRoot)],
  }
}
