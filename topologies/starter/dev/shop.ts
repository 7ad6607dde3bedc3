// Stands in for the rest of your system: writes two payments a second, shows what comes out.
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'

const brokers = (process.env['MILLRACE_BROKERS'] ?? 'localhost:9092').split(',')
const kafka = new Kafka({ clientId: 'shop', brokers, logLevel: logLevel.NOTHING })

const consumer = kafka.consumer({ groupId: 'my-service-shop' })
await consumer.connect()
await consumer.subscribe({ topic: 'my-service.spending', fromBeginning: true })
await consumer.run({
  eachMessage: async ({ message: { key, value } }) => {
    console.log(`${String(key)} has spent ${String(value)} cents`)
  },
})

const producer = kafka.producer()
await producer.connect()
const customers = ['ada', 'edsger', 'grace']
for (let number = 1; ; number += 1) {
  const payment = { customer: customers[number % customers.length], cents: 100 }
  // Every tenth one is broken, as in real life.
  const value = number % 10 === 0 ? '{"customer":' : JSON.stringify(payment)
  await producer.send({
    topic: 'my-service.payments',
    messages: [{ key: `payment-${number}`, value }],
  })
  await sleep(500)
}
