import type { Transform } from './transforms.ts'

/** Limits made so small that few records reach them: what happens there happens in every run. */
export const knobs: readonly Transform[] = [
  {
    file: 'state/cache/write-buffer.ts',
    find: 'const SLICE_ROWS_MAX = 2_048',
    replace: 'const SLICE_ROWS_MAX = 3',
  },
  {
    file: 'runtime/task/task-stores.ts',
    find: 'const SLICE_ROWS_MIN = 1_024',
    replace: 'const SLICE_ROWS_MIN = 2',
  },
  {
    file: 'runtime/restore/restorer.ts',
    find: 'const RECORDS_PER_TURN_MAX = 20_000',
    replace: 'const RECORDS_PER_TURN_MAX = 7',
  },
  {
    file: 'runtime/restore/restorer.ts',
    find: 'const BATCH_BYTES_MAX = 8 * 1024 * 1024',
    replace: 'const BATCH_BYTES_MAX = 500',
  },
  {
    file: 'kafka/client/fetcher.ts',
    find: 'const PARTITION_BYTES_MAX = 1024 * 1024',
    replace: 'const PARTITION_BYTES_MAX = 700',
  },
  {
    file: 'kafka/client/producer.ts',
    find: 'const BATCH_BYTES_MAX = 512 * 1024',
    replace: 'const BATCH_BYTES_MAX = 400',
  },
]
