import { StreamsError } from '../../core/errors.ts'

/** The one error of everything that reads record batches. */
export const corruptedBatch = (message: string, cause?: unknown): StreamsError =>
  new StreamsError('RECORD_BATCH_CORRUPTED', {
    message,
    hint: 'Fetch it again; if it stays, the log or its producer is at fault: move the group past it.',
    cause,
  })

export const oversizedBatch = (bytesMax: number): StreamsError =>
  new StreamsError('RECORD_BATCH_CORRUPTED', {
    message: `a compressed record batch unpacks to more than ${bytesMax} bytes`,
    hint: 'Have its producer send smaller batches, and move the group past this one.',
  })
