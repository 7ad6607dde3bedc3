import { readTime, writeTime, type Windowed } from '../../serde/windowed-key.ts'
import type { Serde } from '../../serde/serde.ts'
import { byteString, type ByteString } from '../byte-string.ts'
import type { SessionStoreSpec, WindowStoreSpec } from '../store-spec.ts'

const GROUP_BYTES = 8
const WITHIN_BYTES = 6
const SEQUENCE_BYTES = 4
const BEYOND_TAILS = Buffer.alloc(9, 0xff)
const SCRATCH_BYTES = 4_096
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

const scratchOf = (length: number): Buffer =>
  length <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(length)

/** A row's key; the sequence tells rows apart in a store that keeps duplicates. */
export interface Slot<out K> extends Windowed<K> {
  readonly sequence?: number
}

/**
 * How rows of windows are ordered locally: by group (a stretch of time), then key, then time. What
 * is read of one key lies together, what has expired lies at the beginning, and neither needs an
 * index. The time is the start of a window or the end of a session.
 *
 * Local key: group (8 bytes), key, time within the group (6), then a sequence number (4) or the
 * session's start (8). In the changelog, as in Kafka Streams: key, start (8), sequence number (4),
 * or key, end (8), start (8).
 */
export class RowLayout<K> {
  readonly serde: Serde<Slot<K>>
  readonly #inner: Serde<K>
  readonly #groupMs: number
  readonly #isSession: boolean
  readonly #tailBytes: number

  constructor(spec: WindowStoreSpec<K, never> | SessionStoreSpec<K, never>) {
    const groupMs = Math.max(1, spec.groupMs)
    const isSession = spec.kind === 'session'
    this.#inner = spec.innerKey
    this.#groupMs = groupMs
    this.#isSession = isSession
    this.#tailBytes = isSession ? 8 : SEQUENCE_BYTES
    this.serde = {
      name: spec.key.name,
      serialize: (slot) => this.#encode(slot),
      deserialize: (bytes) => this.#decode(bytes, spec.key),
    }
  }

  timeOf({ window }: Windowed<unknown>): number {
    return this.#isSession ? window.endMs : window.startMs
  }

  groupOf(timeMs: number): number {
    return timeMs - (timeMs % this.#groupMs)
  }

  groupAfter(groupMs: number): number {
    return groupMs + this.#groupMs
  }

  /** The least local key of the group that a time is in. */
  groupStart(timeMs: number): Buffer {
    const bytes = Buffer.allocUnsafe(GROUP_BYTES)
    writeTime(bytes, this.groupOf(timeMs), 0)
    return bytes
  }

  groupAt(local: Uint8Array): number {
    return readTime(local, 0)
  }

  keyBytes(key: K): Uint8Array {
    return this.#inner.serialize(key)
  }

  /** Where rows of a key and a time begin in the group of that time. */
  lowest(key: Uint8Array, timeMs: number): Buffer {
    const local = Buffer.allocUnsafe(GROUP_BYTES + key.length + WITHIN_BYTES)
    const group = this.groupOf(timeMs)
    writeTime(local, group, 0)
    local.set(key, GROUP_BYTES)
    local.writeUIntBE(timeMs - group, GROUP_BYTES + key.length, WITHIN_BYTES)
    return local
  }

  /** From one time of a key to another in the same group: the end is exclusive, of bytes. */
  between(key: Uint8Array, fromMs: number, toMs: number): readonly [start: Buffer, end: Buffer] {
    // One more than the last sequence number or start: nothing has a tail of so many 0xff.
    return [this.lowest(key, fromMs), Buffer.concat([this.lowest(key, toMs), BEYOND_TAILS])]
  }

  /** Of what lies `between`: a longer key that begins with this one may be there too. */
  isOf(local: Uint8Array, key: Uint8Array): boolean {
    return local.length === GROUP_BYTES + key.length + WITHIN_BYTES + this.#tailBytes
  }

  /** The local key of a row, as it is held in memory. */
  localText(key: Uint8Array, timeMs: number, sequence: number): ByteString {
    const length = GROUP_BYTES + key.length + WITHIN_BYTES + SEQUENCE_BYTES
    const local = scratchOf(length)
    const group = this.groupOf(timeMs)
    writeTime(local, group, 0)
    local.set(key, GROUP_BYTES)
    local.writeUIntBE(timeMs - group, GROUP_BYTES + key.length, WITHIN_BYTES)
    local.writeUInt32BE(sequence, length - SEQUENCE_BYTES)
    return byteString(local, length)
  }

  /** What the local keys of a key's rows in a group begin with. */
  groupText(key: Uint8Array, group: number): ByteString {
    const local = scratchOf(GROUP_BYTES + key.length)
    writeTime(local, group, 0)
    local.set(key, GROUP_BYTES)
    return byteString(local, GROUP_BYTES + key.length)
  }

  /** Valid until the next call. */
  changelogKey(key: Uint8Array, timeMs: number, sequence: number): Uint8Array {
    const length = key.length + 8 + SEQUENCE_BYTES
    const bytes = scratchOf(length)
    bytes.set(key)
    writeTime(bytes, timeMs, key.length)
    bytes.writeUInt32BE(sequence, length - SEQUENCE_BYTES)
    return bytes.subarray(0, length)
  }

  /** Of a row of any kind. Valid until the next call. */
  changelogKeyOf({ key, window, sequence = 0 }: Slot<K>): Uint8Array {
    const keyBytes = this.#inner.serialize(key)
    if (!this.#isSession) return this.changelogKey(keyBytes, window.startMs, sequence)
    const length = keyBytes.length + 8 + this.#tailBytes
    const bytes = scratchOf(length)
    bytes.set(keyBytes)
    writeTime(bytes, window.endMs, keyBytes.length)
    writeTime(bytes, window.startMs, keyBytes.length + 8)
    return bytes.subarray(0, length)
  }

  toChangelog(local: Uint8Array): Buffer {
    const keyEnd = local.length - this.#tailBytes - WITHIN_BYTES
    const keyLength = keyEnd - GROUP_BYTES
    const bytes = Buffer.allocUnsafe(keyLength + 8 + this.#tailBytes)
    bytes.set(local.subarray(GROUP_BYTES, keyEnd))
    writeTime(bytes, this.timeAt(local), keyLength)
    bytes.set(local.subarray(keyEnd + WITHIN_BYTES), keyLength + 8)
    return bytes
  }

  fromChangelog(bytes: Uint8Array): Buffer {
    const keyLength = bytes.length - 8 - this.#tailBytes
    const head = this.lowest(bytes.subarray(0, keyLength), readTime(bytes, keyLength))
    return Buffer.concat([head, bytes.subarray(keyLength + 8)])
  }

  timeAt(local: Uint8Array): number {
    const at = local.length - this.#tailBytes - WITHIN_BYTES
    const view = new DataView(local.buffer, local.byteOffset, local.length)
    return readTime(local, 0) + view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)
  }

  #encode(slot: Slot<K>): Uint8Array {
    const key = this.#inner.serialize(slot.key)
    const timeMs = this.timeOf(slot)
    const group = this.groupOf(timeMs)
    const within = GROUP_BYTES + key.length
    const local = Buffer.allocUnsafe(within + WITHIN_BYTES + this.#tailBytes)
    writeTime(local, group, 0)
    local.set(key, GROUP_BYTES)
    local.writeUIntBE(timeMs - group, within, WITHIN_BYTES)
    const tail = within + WITHIN_BYTES
    if (this.#isSession) writeTime(local, slot.window.startMs, tail)
    else local.writeUInt32BE(slot.sequence ?? 0, tail)
    return local
  }

  #decode(local: Uint8Array, serde: Serde<Windowed<K>>): Slot<K> {
    const changelogKey = this.toChangelog(local)
    if (this.#isSession) return serde.deserialize(changelogKey)
    const sequence = changelogKey.readUInt32BE(changelogKey.length - SEQUENCE_BYTES)
    const slot = serde.deserialize(changelogKey.subarray(0, -SEQUENCE_BYTES))
    return sequence === 0 ? slot : { ...slot, sequence }
  }
}
