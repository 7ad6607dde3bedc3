import { json, string, topic, topology } from 'millrace'

export interface Customer {
  readonly name: string
  readonly country: string
  readonly active: boolean
}

export const customers = topic('customers', { key: string, value: json<Customer | null>() })
export const active = topic('customers.active', { key: string, value: json<Customer | null>() })
export const perCountry = topic('customers.per-country', { key: string, value: json<number>() })

export default topology('customers', (builder) => {
  const activeCustomers = builder
    .table(customers, { store: 'customers' })
    .filter((customer) => customer.active)

  activeCustomers.toStream().to(active)

  activeCustomers
    .groupBy((customer) => [customer.country, customer], { name: 'by-country' })
    .count({ store: 'customers-per-country' })
    .toStream()
    .to(perCountry)
})
