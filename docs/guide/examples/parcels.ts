import { avro, deadLetters, jsonSchema, protobuf, string, topic, topology } from 'millrace'

export interface Parcel {
  readonly id: string
  readonly grams: number
  readonly note: string
}
export interface Scan {
  readonly parcel: string
  readonly place: string
}
export interface Price {
  readonly parcel: string
  readonly cents: number
}

const parcelSchema = {
  type: 'record' as const,
  name: 'Parcel',
  namespace: 'shipping',
  fields: [
    { name: 'id', type: 'string' as const },
    { name: 'grams', type: 'int' as const },
    // Newer than the others: with a default, older parcels can still be read.
    { name: 'note', type: 'string' as const, default: '' },
  ],
}
const scanSchema = {
  title: 'Scan',
  type: 'object',
  properties: { parcel: { type: 'string' }, place: { type: 'string', minLength: 1 } },
  required: ['parcel', 'place'],
}
const priceProto = `
  syntax = "proto3";
  package shipping;
  message Price {
    string parcel = 1;
    int32 cents = 2;
  }`

export const parcels = topic('parcels', { key: string, value: avro<Parcel>(parcelSchema) })
export const scans = topic('scans', { key: string, value: jsonSchema<Scan>(scanSchema) })
export const prices = topic('prices', {
  key: string,
  value: protobuf<Price>(priceProto, { message: 'Price' }),
})
export const unreadable = deadLetters('parcels.unreadable')

export default topology('parcel-prices', { deadLetters: unreadable }, (builder) => {
  builder
    .stream(scans)
    .join(builder.table(parcels, { store: 'parcels' }), (_, parcel) => ({
      parcel: parcel.id,
      cents: 300 + Math.ceil(parcel.grams / 100) * 20,
    }))
    .to(prices)
})
