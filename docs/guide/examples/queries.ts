import type { Application } from 'millrace'

/** What a service of your own reads of its application's stores. */
export async function report(app: Application, sinceMs: number) {
  const counts = app.store('counts')
  const ofA = await counts.get('a')
  const { rows, complete } = await counts.range('b', 'd', { limit: 100 })
  const beginWithE = await counts.prefix(Buffer.from('e'))
  const windows = await app.store('per-second').fetch('a', sinceMs, sinceMs + 60_000)
  return { ofA, rows, complete, beginWithE: beginWithE.rows, windows: windows.rows }
}
