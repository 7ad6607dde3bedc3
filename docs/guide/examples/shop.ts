// Stands in for the rest of your system: makes the topics, writes payments, shows what comes out.
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'

const brokers = (process.env['MILLRACE_BROKERS'] ?? 'localhost:9092').split(',')
const kafka = new Kafka({ clientId: 'shop', brokers, logLevel: logLevel.NOTHING })

const admin = kafka.admin()
await admin.connect()
const topics = ['payments', 'spending', 'customer-spending.dead-letters']
await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 4 })) })
await admin.disconnect()

const consumer = kafka.consumer({ groupId: 'shop' })
await consumer.connect()
await consumer.subscribe({ topic: 'spending', fromBeginning: true })
await consumer.run({
  eachMessage: async ({ message: { key, value } }) => {
    console.log(`${String(key)} has spent ${String(value)} cents`)
  },
})

const producer = kafka.producer()
await producer.connect()
const customers = ['ada', 'edsger', 'grace']
for (let number = 1; ; number += 1) {
  const customer = customers[number % customers.length]
  const status = number % 5 === 0 ? 'failed' : 'succeeded'
  const payment = { customer, cents: 100, status }
  // Every tenth one is broken, as in real life.
  const value = number % 10 === 0 ? '{"customer":' : JSON.stringify(payment)
  await producer.send({ topic: 'payments', messages: [{ key: `payment-${number}`, value }] })
  await sleep(500)
}
