import { join } from 'node:path'
import { directoryStorage } from '../../src/runtime/state-directory/directory-storage.ts'
import type { Order } from '../../topologies/orders/model.ts'

/**
 * What the local stores of stopped processes hold: the state directories together, latest first.
 */
export async function localOrders(
  directories: readonly string[],
): Promise<ReadonlyMap<string, Order>> {
  const newest = new Map<string, { position: number; orders: Map<string, Order> }>()
  for (const directory of directories) {
    const storage = directoryStorage(join(directory, 'orders'))
    for (const task of storage.tasks()) {
      const backend = storage.open(task)
      const position = backend.position('order') ?? -1
      const orders = new Map<string, Order>()
      for (const [key, value] of backend.store('order').range(null, null, 'forward')) {
        // Eight bytes of timestamp, then the value as the changelog has it.
        const json = Buffer.from(value.subarray(8)).toString()
        orders.set(Buffer.from(key).toString(), JSON.parse(json) as Order)
      }
      await backend.close()
      if (position > (newest.get(task)?.position ?? -2)) newest.set(task, { position, orders })
    }
  }
  return new Map([...newest.values()].flatMap(({ orders }) => [...orders]))
}
