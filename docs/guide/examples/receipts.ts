import { json, string, topic, topology } from 'millrace'

interface Product {
  readonly name: string
  readonly cents: number
}
export interface Sale {
  readonly product: string
  readonly quantity: number
}
export const products = topic('products', { key: string, value: json<Product>() })
export const sales = topic('sales', { key: string, value: json<Sale>() })
export const receipts = topic('receipts', { key: string, value: string })

/** A sale has the key of its till; its product is looked up whatever partition that is in. */
export default topology('receipts', (builder) => {
  const catalogue = builder.globalTable(products, { store: 'catalogue' })
  builder
    .stream(sales)
    .join(
      catalogue,
      (sale) => sale.product,
      ({ quantity }, { name, cents }) => `${quantity} × ${name}: ${quantity * cents}`,
    )
    .to(receipts)
})
