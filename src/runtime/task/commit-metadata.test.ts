import { expect, test } from 'vitest'
import { formatCommitMetadata, latestGeneration, parseCommitMetadata } from './commit-metadata.ts'

const none = {
  streamTimeMs: -1,
  partitionTimeMs: -1,
  generation: '',
  replay: '',
  isFresh: false,
  topic: '',
  logs: '',
}

test.for([
  ['', none],
  ['stream-time=0', { ...none, streamTimeMs: 0 }],
  ['stream-time=17;state=b', { ...none, streamTimeMs: 17, generation: 'b' }],
  ['stream-time=17;partition-time=9', { ...none, streamTimeMs: 17, partitionTimeMs: 9 }],
  ['state=b', { ...none, generation: 'b' }],
  ['state=b;topic=aB-_9;logs=x.y', { ...none, generation: 'b', topic: 'aB-_9', logs: 'x.y' }],
  ['replay=c;from=none', { ...none, replay: 'c', isFresh: true }],
] as const)('"%s" is read as it is written', ([text, metadata]) => {
  expect(parseCommitMetadata(text)).toEqual(metadata)
  expect(formatCommitMetadata(metadata)).toBe(text)
})

test('what others have written is not taken for ours', () => {
  for (const text of ['stream-time=-4', 'stream-time=soon', 'hello', 'a=b;c', ';;']) {
    expect(parseCommitMetadata(text)).toEqual(none)
  }
})

test('of several inputs the youngest generation counts', () => {
  expect(latestGeneration(['state=a', null, 'stream-time=5;state=c', 'state=b', ''])).toBe('c')
  expect(latestGeneration([])).toBe('')
})
