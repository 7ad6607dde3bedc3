import { json, string, topic, topology } from 'millrace'

export interface Order {
  readonly customer: string
  readonly cents: number
}
export interface Payment {
  readonly cents: number
}
export interface Customer {
  readonly name: string
  readonly country: string
}
export interface Address {
  readonly street: string
}
export interface Country {
  readonly vatPercent: number
}

export const orders = topic('orders', { key: string, value: json<Order>() })
export const payments = topic('payments', { key: string, value: json<Payment>() })
export const latePayments = topic('payments.late', { key: string, value: json<Payment>() })
export const customers = topic('customers', { key: string, value: json<Customer>() })
export const addresses = topic('addresses', { key: string, value: json<Address>() })
export const countries = topic('countries', { key: string, value: json<Country>() })

export const paid = topic('paid', { key: string, value: json<string>() })
export const reminders = topic('reminders', { key: string, value: json<string>() })
export const confirmations = topic('confirmations', { key: string, value: json<string>() })
export const labels = topic('labels', { key: string, value: json<string | null>() })
export const taxes = topic('taxes', { key: string, value: json<string | null>() })

export default topology('order-desk', (builder) => {
  const placed = builder.stream(orders)
  const payment = builder.stream(payments)
  const people = builder.table(customers, { store: 'customers' })

  // Two streams: an order with the payment that comes within an hour, before or after.
  placed
    .join(payment, (order, { cents }, { key }) => `${key}: ${cents} of ${order.cents}`, {
      within: '1h',
      grace: '5m',
      store: 'order-payment',
      late: { right: latePayments },
    })
    .to(paid)

  // And each order that nobody has paid a day later.
  placed
    .leftJoin(payment, (order, paidFor) => (paidFor === null ? `${order.cents} due` : null), {
      before: '1h',
      after: '1d',
      grace: '5m',
      store: 'order-reminder',
    })
    .filter((reminder) => reminder !== null)
    .to(reminders)

  // A stream with a table: each order with what is known of its customer now.
  placed
    .selectKey((order) => order.customer)
    .join(people, (order, { name }) => `Dear ${name}, that is ${order.cents}`, {
      name: 'orders-by-customer',
    })
    .to(confirmations)

  // Two tables by their keys: a label for each customer, with an address or without.
  people
    .leftJoin(
      builder.table(addresses, { store: 'addresses' }),
      ({ name }, address) => `${name}, ${address?.street ?? 'address unknown'}`,
    )
    .toStream()
    .to(labels)

  // Two tables by a key that is in the row: each customer with the row of their country.
  people
    .join(
      builder.table(countries, { store: 'countries' }),
      ({ name }, { vatPercent }) => `${name} pays ${vatPercent} %`,
      { foreignKey: ({ country }) => country, name: 'customer-country' },
    )
    .toStream()
    .to(taxes)
})
