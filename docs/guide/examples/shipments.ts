import { json, string, topic, topology } from 'millrace'

export interface Parcel {
  readonly id: string
  readonly grams: number
}

export interface Truck {
  readonly parcels: readonly string[]
  readonly grams: number
}

export const parcels = topic('parcels', { key: string, value: json<Parcel>() })
export const trucks = topic('trucks', { key: string, value: json<Truck>() })

export default topology('shipments', (builder) => {
  builder
    .stream(parcels)
    .buffer({ name: 'waiting-parcels', records: 50, time: '2h' })
    .mapValues((load) => ({
      parcels: load.map(({ id }) => id),
      grams: load.reduce((sum, { grams }) => sum + grams, 0),
    }))
    .to(trucks)
})
