import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'

const PREFIX = 'redriven='
/** Kafka takes 4,096 bytes with a committed offset unless told otherwise. */
const METADATA_BYTES_MAX = 4_000
/** More than fits in them: a bound on what bad metadata may unpack to. */
const UNPACKED_BYTES_MAX = 1024 * 1024

interface Range {
  start: Offset
  /** Exclusive. */
  end: Offset
}

/**
 * Which offsets of one partition are done with: all below a position, and ranges beyond it. It
 * travels as a committed offset, the position, and its metadata, the ranges; so what a filter left
 * out can be done later, and nothing is done twice.
 */
export class RedrivenOffsets {
  /** Sorted, disjoint and not adjacent; the first one begins at 0. */
  readonly #ranges: Range[]

  private constructor(ranges: Range[]) {
    this.#ranges = ranges
  }

  /** As committed. Throws `REDRIVE_STOPPED` for ranges that cannot be read. */
  static from(position: Offset, metadata: string): RedrivenOffsets {
    const redriven = new RedrivenOffsets([{ start: 0, end: position }])
    let at = position
    for (const [gap, length] of pairsIn(metadata)) {
      redriven.add(at + gap, at + gap + length)
      at += gap + length
    }
    return redriven
  }

  /** Everything before it is done. */
  get position(): Offset {
    return this.#ranges[0]!.end
  }

  has(offset: Offset): boolean {
    const range = this.#ranges[this.#lastStartingBy(offset)]
    return range !== undefined && offset < range.end
  }

  /** From `start` to `end`, exclusive. */
  add(start: Offset, end: Offset): void {
    if (start >= end) return
    const ranges = this.#ranges
    const before = this.#lastStartingBy(start)
    const touches = (ranges[before]?.end ?? -1) >= start
    const first = touches ? before : before + 1
    const merged = { start: touches ? ranges[before]!.start : start, end }
    let next = first
    for (
      let range = ranges[next];
      range !== undefined && range.start <= end;
      range = ranges[next]
    ) {
      merged.end = Math.max(merged.end, range.end)
      next += 1
    }
    ranges.splice(first, next - first, merged)
  }

  /** To be committed. Throws `REDRIVE_STOPPED` where the ranges are too many to be remembered. */
  committed(): { readonly position: Offset; readonly metadata: string } {
    return { position: this.position, metadata: this.#metadata() }
  }

  #metadata(): string {
    const lengths: number[] = []
    let at = this.position
    for (const { start, end } of this.#ranges.slice(1)) {
      lengths.push(start - at, end - start)
      at = end
    }
    if (lengths.length === 0) return ''
    const metadata = `${PREFIX}${deflateRawSync(lengths.join()).toString('base64url')}`
    if (metadata.length <= METADATA_BYTES_MAX) return metadata
    throw new StreamsError('REDRIVE_STOPPED', {
      message: `${this.#ranges.length} stretches of letters that were sent again, with others between them, are more than can be remembered`,
      hint: 'What was sent so far is remembered. Send the letters in between too, or let them count as done: --pass-others.',
    })
  }

  /** The index of the last range that begins at `offset` or before it. */
  #lastStartingBy(offset: Offset): number {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.start <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

function pairsIn(metadata: string): readonly (readonly [gap: number, length: number])[] {
  if (metadata === '') return []
  const numbers = unpacked(metadata).split(',').map(Number)
  const isSound = numbers.every((each) => Number.isSafeInteger(each) && each > 0)
  if (!isSound || numbers.length % 2 !== 0) throw unreadable(metadata)
  return Array.from({ length: numbers.length / 2 }, (_, index) => [
    numbers[2 * index]!,
    numbers[2 * index + 1]!,
  ])
}

function unpacked(metadata: string): string {
  if (!metadata.startsWith(PREFIX)) throw unreadable(metadata)
  const packed = Buffer.from(metadata.slice(PREFIX.length), 'base64url')
  try {
    return inflateRawSync(packed, { maxOutputLength: UNPACKED_BYTES_MAX }).toString()
  } catch {
    throw unreadable(metadata)
  }
}

const unreadable = (metadata: string): StreamsError =>
  new StreamsError('REDRIVE_STOPPED', {
    message: `what was sent again before cannot be read from the committed offset: "${metadata}"`,
    hint: 'Another program has committed for this group: use another --id, which knows of no letter that was sent.',
  })
