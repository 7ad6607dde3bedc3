import { json, keyValueStore, long, string, topic, topology } from 'millrace'

export const movements = topic('stock.movements', { key: string, value: json<number>() })
export const levels = topic('stock.levels', { key: string, value: long })

const stock = keyValueStore('stock', {
  key: string,
  value: long,
  backend: 'lmdb',
  cached: false,
  changelogConfigs: { 'min.cleanable.dirty.ratio': '0.1' },
})

export default topology('stock', (builder) => {
  builder
    .stream(movements)
    .groupByKey()
    .aggregate(
      () => 0,
      (movement, level) => level + movement,
      { store: stock },
    )
    .toStream()
    .to(levels)
})
