import { deadLetters, exponential, json, string, topic, topology, type AsyncMeta } from 'millrace'

export interface Order {
  readonly sku: string
  readonly quantity: number
}
export interface Reservation extends Order {
  readonly reservationId: string
}

export const orders = topic('orders', { key: string, value: json<Order>() })
export const reserved = topic('orders.reserved', { key: string, value: json<Reservation>() })

/** Asks the warehouse, which knows by the idempotency key what it has reserved already. */
async function reserve(order: Order, { idempotencyKey, signal }: AsyncMeta): Promise<Reservation> {
  const answer = await fetch('http://warehouse.internal/reservations', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(order),
    signal,
  })
  if (!answer.ok) throw new Error(`the warehouse answers ${answer.status}`)
  return { ...order, reservationId: await answer.text() }
}

const isRefusal = (error: unknown): boolean => /answers 4\d\d/.test(String(error))

/** The warehouse is given, so that a test can be one. */
export const reservations = (ask: typeof reserve = reserve) =>
  topology('reservations', { deadLetters: deadLetters('orders.dead-letters') }, (builder) => {
    builder
      .stream(orders)
      .mapValuesAsync(ask, {
        name: 'reserve-stock',
        concurrency: 32,
        timeout: '5s',
        retry: {
          attempts: 3,
          backoff: exponential('1s', '30s'),
          when: (error) => !isRefusal(error),
        },
      })
      .to(reserved)
  })

export default reservations()
