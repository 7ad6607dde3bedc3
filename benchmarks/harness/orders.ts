/**
 * The input of the workloads: each record is a pure function of its index, so that the truth about
 * an output needs no bookkeeping.
 */
/** Unless a workload has fewer. */
export const CUSTOMERS = 100_000
const CENTS_MIN = 100
const CENTS_RANGE = 50_000n

/** splitmix64: scatters indexes evenly and the same way each time. */
function mixed(index: bigint): bigint {
  let x = BigInt.asUintN(64, index + 0x9e37_79b9_7f4a_7c15n)
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58_476d_1ce4_e5b9n)
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d0_49bb_1331_11ebn)
  return BigInt.asIntN(64, x ^ (x >> 31n))
}

const floorMod = (value: bigint, modulus: bigint): number =>
  Number(((value % modulus) + modulus) % modulus)

/** In cents. */
export const centsOf = (index: number): number =>
  CENTS_MIN + floorMod(mixed(~BigInt(index)), CENTS_RANGE)

const amountOf = (index: number): string => (centsOf(index) / 100).toFixed(2)

/** One of so many customers. */
export const orderKey = (index: number, customers = CUSTOMERS): string =>
  `c-${floorMod(mixed(BigInt(index)), BigInt(customers))}`

/** JSON of some 160 bytes. */
export const orderJson = (index: number, timestampMs: number, customers = CUSTOMERS): string =>
  `{"orderId":"o-${index}","customerId":"${orderKey(index, customers)}","eventType":"ORDER_CREATED"` +
  `,"amount":${amountOf(index)},"currency":"EUR","region":"eu-central-1","ts":${timestampMs}}`

/** The index of an order, from its JSON or a value made of it. */
export const orderIndexOf = (value: Uint8Array): number => {
  const order = JSON.parse(Buffer.from(value).toString()) as { readonly orderId: string }
  return Number(order.orderId.slice('o-'.length))
}
