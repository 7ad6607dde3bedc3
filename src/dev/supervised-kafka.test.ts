import { expect, test } from 'vitest'
import { usefulLines } from './supervised-kafka.ts'

test('of a failed broker its errors are shown, without stacks and idle warnings', () => {
  const log = [
    '12:00:00.000 [main] WARN org.apache.kafka.Slow - this took long',
    '12:00:00.001 [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception',
    'java.net.BindException: Address already in use',
    '\tat java.base/sun.nio.ch.Net.bind0(Native Method)',
    '',
  ]
  expect(usefulLines(log.join('\n'))).toEqual([log[1], log[2]])
})

test('without an error the end of its log is shown', () => {
  const log = Array.from({ length: 20 }, (_, i) => `line ${i}`)
  expect(usefulLines(log.join('\n'))).toEqual(log.slice(-6))
})
