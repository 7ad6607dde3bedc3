import { json, string, topic, topology, type FixedKeyProcessor } from 'millrace'

export type CartEvent = { readonly type: 'ItemAdded' | 'CheckedOut'; readonly sku?: string }

export const carts = topic('carts', { key: string, value: json<CartEvent>() })
export const reminders = topic('carts.reminders', { key: string, value: string })

const HALF_AN_HOUR_MS = 30 * 60_000

/** Reminds of a cart that nobody has touched for half an hour. */
const remind: FixedKeyProcessor<string, CartEvent, string> = {
  process: ({ value: { type } }, { timers, wallClockMs }) => {
    timers.cancel('abandoned')
    if (type === 'CheckedOut') return
    timers.set('abandoned', wallClockMs + HALF_AN_HOUR_MS, 'wall-clock')
  },

  onTimer: ({ key }, { forward }) => {
    forward({ value: `Your cart ${key} is still here.` })
  },
}

export default topology('carts', (builder) => {
  builder
    .stream(carts)
    .processValues(remind, { name: 'remind', timers: 'cart-timers' })
    .to(reminders)
})
