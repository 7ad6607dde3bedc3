import type { Application } from 'millrace'

/** A count for somebody who would rather have an old one than none. */
export async function countOf(app: Application, page: string) {
  const { value, stale } = await app.store('counts').find(page, { standby: true })
  const { active, standbys } = app.metadataFor('counts', page)
  const askedAt = stale === undefined ? active : standbys[0]
  return { value, recordsBehind: stale?.lag ?? 0, askedAt: askedAt?.processId }
}
