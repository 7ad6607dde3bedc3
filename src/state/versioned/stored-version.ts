import { readTime, writeTime } from '../../serde/windowed-key.ts'
import { byteString, type ByteString } from '../byte-string.ts'

/*
 * A version as it stands in the local store: its timestamp (8 bytes), a byte of flags, the value. A
 * deletion has none.
 */
const FLAGS_AT = 8
const HEAD_BYTES = 9
const HAS_VALUE = 1
const END_NOTED = 2

const scratch = Buffer.allocUnsafeSlow(4_096)

/** `isEndNoted`: see {@link endIsNoted}. */
export function encodeVersion(
  timestampMs: number,
  value: Uint8Array | null,
  isEndNoted: boolean,
): ByteString {
  const length = HEAD_BYTES + (value?.length ?? 0)
  const bytes = length <= scratch.length ? scratch : Buffer.allocUnsafe(length)
  writeTime(bytes, timestampMs, 0)
  bytes[FLAGS_AT] = (value === null ? 0 : HAS_VALUE) | (isEndNoted ? END_NOTED : 0)
  if (value !== null) bytes.set(value, HEAD_BYTES)
  return byteString(bytes, length)
}

export const timestampOf = (stored: Uint8Array): number => readTime(stored, 0)

/** Null is a deletion. Not a copy: valid as long as what is stored. */
export const valueOf = (stored: Uint8Array): Uint8Array | null =>
  hasValue(stored) ? stored.subarray(HEAD_BYTES) : null

export const hasValue = (stored: Uint8Array): boolean => (flagsOf(stored) & HAS_VALUE) !== 0

/**
 * Of a latest version: whether something is known to end at its time. As in Kafka Streams only then
 * its deletion at the very same time leaves a trace, which a record that comes later but is earlier
 * is hidden by. Something ends there where the version replaced another one or a deletion at the
 * same time, or where something was put before it since.
 */
export const endIsNoted = (stored: Uint8Array): boolean => (flagsOf(stored) & END_NOTED) !== 0

/** The same version, with its end noted. */
export function withEndNoted(stored: Uint8Array): ByteString {
  const copy = Buffer.from(stored)
  copy[FLAGS_AT] = flagsOf(stored) | END_NOTED
  return byteString(copy)
}

const flagsOf = (stored: Uint8Array): number => stored[FLAGS_AT] ?? 0
