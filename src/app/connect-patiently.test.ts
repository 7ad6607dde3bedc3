import { expect, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import { silentLogger, type Logger } from '../core/logger.ts'
import { scriptedBroker } from '../kafka/kafkajs/scripted-broker.fixture.ts'
import { kafkajsPort } from '../kafka/kafkajs/kafkajs-port.ts'
import { KafkaError, type KafkaPort } from '../kafka/port.ts'
import { connectPatiently } from './connect-patiently.ts'

const portTo = (address: string): KafkaPort =>
  kafkajsPort(
    { brokers: [address], clientId: 'test' },
    { logger: silentLogger, clock: systemClock },
  )

/** Calls back at every attempt that failed. */
const listening = (onWarning: () => void): Logger => ({ ...silentLogger, warn: onWarning })

test('a broker that goes while a thread starts is waited for', async () => {
  await using gone = await scriptedBroker({ answers: { metadata: () => 'close' } })
  const port = portTo(gone.address)
  const failed = Promise.withResolvers<void>()
  const never = new AbortController().signal
  const connecting = connectPatiently(port, systemClock, listening(failed.resolve), never)
  await failed.promise
  await gone[Symbol.asyncDispose]()
  await using _back = await scriptedBroker({ port: gone.port })
  await connecting
  expect(port.capabilities()).toEqual({ transactionVersion: 1 })
  await port.close()
})

test('a thread that is to stop waits no longer', async () => {
  const port = portTo('127.0.0.1:1')
  const stopping = new AbortController()
  const logger = listening(() => stopping.abort())
  await connectPatiently(port, systemClock, logger, stopping.signal)
  await port.close()
})

test('what a person has to act on is not waited for', async () => {
  await using broker = await scriptedBroker()
  const refused = new KafkaError('SASL_AUTHENTICATION_FAILED', 'fatal', 'wrong password')
  const port = { ...portTo(broker.address), connect: () => Promise.reject(refused) }
  const never = new AbortController().signal
  await expect(connectPatiently(port, systemClock, silentLogger, never)).rejects.toBe(refused)
  await port.close()
})
