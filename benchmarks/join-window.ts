/**
 * Does a record of a stream join cost more when the window holds more? One JSON line a case, in CPU
 * time: a task with its stores in LMDB and no Kafka, so that nothing else is measured.
 *
 * - `fresh`: every order has a key of its own, and a payment a moment later.
 * - `spread`: the keys come again and again, so that each has a few records in the window, most of
 *   them on disk.
 * - `hot`: all orders have one key and none has a partner; the window holds so many of them. Then
 *   payments come that meet every one: a match costs as much, however many there are.
 *
 *     node --conditions=millrace-source benchmarks/join-window.ts [--left]
 */
import { parseArgs } from 'node:util'
import { json, string, topic, topology } from 'millrace'
import { LocalTask, type Sent } from './harness/local-task.ts'

const { values: options } = parseArgs({ options: { left: { type: 'boolean', default: false } } })
const START_MS = 1_700_000_000_000
const WINDOW_MS = 300_000
/** Between two commits, each with a checkpoint. */
const COMMIT_RECORDS = 20_000
const MEASURED = 100_000
const HOT_PAYMENTS = 20

const orders = topic('orders', { key: string, value: json<object>() })
const payments = topic('payments', { key: string, value: json<object>() })
const output = topic('output', { key: string, value: json<object>() })
const shop = topology('shop', (builder) => {
  const [left, right] = [builder.stream(orders), builder.stream(payments)]
  const window = { within: '5m', grace: '1m', store: 'order-payment' } as const
  const both = (one: object, other: object | null): object => ({ ...one, ...other })
  const joined = options.left ? left.leftJoin(right, both, window) : left.join(right, both, window)
  joined.to(output)
})

const anOrder = {
  topic: orders.name,
  value: Buffer.from(
    '{"orderId":"o-1","customerId":"c-1","eventType":"ORDER_CREATED","amount":12.5,"currency":"EUR"}',
  ),
}
const aPayment = {
  topic: payments.name,
  value: Buffer.from('{"paymentId":"p-1","eventType":"PAYMENT_RECEIVED","method":"CARD"}'),
}

const newShop = (): LocalTask =>
  new LocalTask({
    topology: shop,
    inputs: [orders.name, payments.name],
    output: output.name,
    commitRecords: COMMIT_RECORDS,
  })

const MOMENT_RECORDS = 500

const fresh = (keys: number): Promise<object> =>
  measured('fresh', keys, (at) => (at % 2 === 0 ? at : at - 1 - MOMENT_RECORDS))

const spread = (keys: number): Promise<object> =>
  measured('spread', keys, (at) => (Math.floor(at / 2) * 7919) % keys)

/** So often that the window holds as many keys as it ever will. */
async function measured(
  name: string,
  keys: number,
  keyOf: (at: number) => number,
): Promise<object> {
  const running = newShop()
  const stepMs = WINDOW_MS / keys
  let sent = 0
  const next = (): Sent => {
    const at = sent++
    return {
      ...(at % 2 === 0 ? anOrder : aPayment),
      key: `key-${keyOf(at)}`,
      timestampMs: START_MS + Math.floor((at * stepMs) / 2),
    }
  }
  running.send(2 * keys, next)
  const before = running.outputs
  const cpuMicrosPerRecord = running.send(MEASURED, next)
  const matchesPerRecord = Number(((running.outputs - before) / MEASURED).toFixed(2))
  await running.close()
  return { case: name, keys, cpuMicrosPerRecord, matchesPerRecord }
}

async function hot(records: number): Promise<object> {
  const running = newShop()
  const stepMs = WINDOW_MS / records
  let sent = 0
  const nextOf = (what: Pick<Sent, 'topic' | 'value'>) => (): Sent => ({
    ...what,
    key: 'hot',
    timestampMs: START_MS + Math.floor(sent++ * stepMs),
  })
  running.send(records, nextOf(anOrder))
  const cpuMicrosPerRecord = running.send(MEASURED, nextOf(anOrder))
  const before = running.outputs
  const eachPayment = running.send(HOT_PAYMENTS, nextOf(aPayment))
  const matches = (running.outputs - before) / HOT_PAYMENTS
  await running.close()
  return {
    case: 'hot',
    records,
    cpuMicrosPerRecord,
    matchesPerPayment: Math.round(matches),
    cpuMicrosPerMatch: Number((eachPayment / matches).toFixed(2)),
  }
}

const benchmark = { benchmark: 'join-window', join: options.left ? 'left' : 'inner' }
for (const measure of [fresh, spread, hot]) {
  for (const size of [1_000, 10_000, 100_000]) {
    process.stdout.write(`${JSON.stringify({ ...benchmark, ...(await measure(size)) })}\n`)
  }
}
